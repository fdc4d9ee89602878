"""Servers, clients and sockets on the loopback interface."""
