# Completion of everyauth for bash, as `everyauth completion bash` prints it.
# The candidates come quoted for bash: what readline replaces begins after any character of COMP_WORDBREAKS.

_everyauth() {
    local candidate
    COMPREPLY=()
    while IFS= read -r candidate; do
        COMPREPLY+=("$candidate")
    done < <(command everyauth __complete bash "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null)
}

complete -o default -F _everyauth everyauth
