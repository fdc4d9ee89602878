# Completion of everyauth for fish, as `everyauth completion fish` prints it.

function __everyauth_candidates
    # Of the word at the cursor, only what makes it an option is passed on.
    set -l option (string match -r -- '^-(?:[^=]*=)?' (commandline -ct))
    command everyauth __complete fish (commandline -opc)[2..] "$option" 2>/dev/null
end

complete -c everyauth -f -a '(__everyauth_candidates)'
