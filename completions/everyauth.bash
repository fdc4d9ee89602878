# Completion of everyauth for bash, as `everyauth completion bash` prints it.

_everyauth() {
    local candidate
    COMPREPLY=()
    while IFS= read -r candidate; do
        COMPREPLY+=("$candidate")
    done < <(command everyauth __complete bash "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null)
}

complete -o default -F _everyauth everyauth
