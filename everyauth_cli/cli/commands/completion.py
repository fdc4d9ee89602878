"""`everyauth completion`: the script that completes our command lines in a shell."""

from __future__ import annotations

from typing import Annotated

import typer

from everyauth_cli.cli import app
from everyauth_cli.cli.app import command
from everyauth_cli.cli.completion import Shell
from everyauth_cli.cli.session import Session

# The program writes bash's quoting, because what readline replaces begins after any of COMP_WORDBREAKS.
BASH = """\
# Completion of everyauth for bash, as `everyauth completion bash` prints it.

_everyauth() {
    local candidate
    COMPREPLY=()
    while IFS= read -r candidate; do
        COMPREPLY+=("$candidate")
    done < <(command everyauth __complete bash "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null)
}

complete -o default -F _everyauth everyauth
"""

# compadd takes candidates as they are, and quotes what it inserts.
ZSH = """\
#compdef everyauth
# Completion of everyauth for zsh, as `everyauth completion zsh` prints it.

_everyauth() {
    local -a candidates abouts shown
    local candidate about
    local -i width=0 at
    while IFS=$'\\t' read -r candidate about; do
        candidates+=("$candidate")
        abouts+=("$about")
        (( ${(m)#candidate} > width )) && width=${(m)#candidate}
    done < <(command everyauth __complete zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)
    if [[ -z ${(j::)abouts} ]]; then
        compadd -a candidates
        return
    fi
    for (( at = 1; at <= $#candidates; at++ )); do
        candidate="${(mr:width:)candidates[at]}${abouts[at]:+  -- $abouts[at]}"
        shown+=("${candidate[1,COLUMNS-1]}")
    done
    compadd -l -d shown -a candidates
}

if [[ $funcstack[1] == _everyauth ]]; then
    # Loaded from fpath by the first TAB, which wants its answer.
    _everyauth "$@"
else
    compdef _everyauth everyauth
fi
"""

# fish finds by itself what fits the word at the cursor, and quotes what it inserts.
FISH = """\
# Completion of everyauth for fish, as `everyauth completion fish` prints it.

function __everyauth_candidates
    # Of the word at the cursor, only what makes it an option is passed on.
    set -l option (string match -r -- '^-(?:[^=]*=)?' (commandline -ct))
    command everyauth __complete fish (commandline -opc)[2..] "$option" 2>/dev/null
end

complete -c everyauth -f -a '(__everyauth_candidates)'
"""

POWERSHELL = """\
# Completion of everyauth for PowerShell, as `everyauth completion powershell` prints it.

Register-ArgumentCompleter -Native -CommandName everyauth -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $language = [System.Management.Automation.Language.CodeGeneration]
    $before = $commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        ForEach-Object { if ($null -ne $_.Value) { "$($_.Value)" } else { $_.Extent.Text } }
    # Windows PowerShell drops an empty argument, so the word at the cursor follows a mark.
    $last = '=' + $wordToComplete.Trim("'", '"')
    everyauth __complete powershell @before $last 2>$null | ForEach-Object {
        $candidate, $about = $_ -split "`t", 2
        $quoted = $candidate
        if ($candidate -notmatch '^[\\w./:+-][\\w.@/:+=-]*$') {
            $quoted = "'" + $language::EscapeSingleQuotedStringContent($candidate) + "'"
        }
        if (-not $about) { $about = $candidate }
        [System.Management.Automation.CompletionResult]::new($quoted, $candidate, 'ParameterValue', $about)
    }
}
"""

SCRIPTS = {Shell.bash: BASH, Shell.zsh: ZSH, Shell.fish: FISH, Shell.powershell: POWERSHELL}


@command(app.app, "completion")
def completion(
    session: Session,
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh, fish or powershell.")],
) -> None:
    """Print the completion script for a shell: source <(everyauth completion bash)."""
    session.terminal.data(SCRIPTS[shell].removesuffix("\n"))
