"""Completion in four shells: `everyauth completion` prints a script, which asks a hidden command for candidates."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Annotated

import typer
from typer.core import TyperGroup

from everyauth_cli.cli import app
from everyauth_cli.cli.app import Session, command

Candidate = tuple[str, str]
"""A word that may stand at the cursor, and what it is."""

HEADER = """\
# Completion of everyauth for {shell}, as `everyauth completion {shell}` prints it; users and services are looked up.
"""

# The program reads and writes bash's quoting, because what readline replaces begins at any of COMP_WORDBREAKS.
BASH = """
_everyauth() {
    local candidate
    COMPREPLY=()
    while IFS= read -r candidate; do
        COMPREPLY+=("$candidate")
    done < <(command everyauth __complete bash "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null)
}

complete -o default -F _everyauth everyauth
"""

# compadd takes the words as they are and quotes what it inserts.
ZSH = """
_everyauth() {
    local -a words_ helps shown
    local word help
    local -i width=0 at
    while IFS=$'\\t' read -r word help; do
        words_+=("$word")
        helps+=("$help")
        (( ${#word} > width )) && width=${#word}
    done < <(command everyauth __complete zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)
    if [[ -z ${(j::)helps} ]]; then
        compadd -a words_
        return
    fi
    for (( at = 1; at <= $#words_; at++ )); do
        shown+=("${(r:width:)words_[at]}${helps[at]:+  -- $helps[at]}")
    done
    compadd -l -d shown -a words_
}

if [[ $funcstack[1] == _everyauth ]]; then
    # Loaded from fpath by the first TAB, which is to be answered.
    _everyauth "$@"
else
    compdef _everyauth everyauth
fi
"""

FISH = """
function __everyauth_candidates
    # fish picks by itself what fits the word at the cursor, so of that word only what makes it an option is passed on.
    set -l option (string match -r -- '^-(?:[^=]*=)?' (commandline -ct))
    command everyauth __complete fish (commandline -opc)[2..] "$option" 2>/dev/null
end

complete -c everyauth -f -a '(__everyauth_candidates)'
"""

# Windows PowerShell drops an empty argument, so the word at the cursor follows a mark.
POWERSHELL = """
Register-ArgumentCompleter -Native -CommandName everyauth -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        ForEach-Object { if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value } else { $_.Extent.Text } })
    everyauth __complete powershell @words "=$($wordToComplete.Trim('''"'))" 2>$null | ForEach-Object {
        $word, $help = $_ -split "`t", 2
        $inserted = $word
        if ($word -notmatch '^[\\w./:+=-][\\w.@/:+=-]*$') {
            $inserted = "'" + [System.Management.Automation.Language.CodeGeneration]::EscapeSingleQuotedStringContent($word) + "'"
        }
        if (-not $help) { $help = $word }
        [System.Management.Automation.CompletionResult]::new($inserted, $word, 'ParameterValue', $help)
    }
}
"""
