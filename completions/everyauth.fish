# Completion of everyauth for fish, as `everyauth completion fish` prints it.
# The candidates come as they are: fish finds those that fit the word at the cursor, and quotes what it inserts.

function __everyauth_candidates
    # Of the word at the cursor, only what makes it an option is passed on.
    set -l option (string match -r -- '^-(?:[^=]*=)?' (commandline -ct))
    command everyauth __complete fish (commandline -opc)[2..] "$option" 2>/dev/null
end

complete -c everyauth -f -a '(__everyauth_candidates)'
