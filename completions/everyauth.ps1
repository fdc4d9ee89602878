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
        if ($candidate -notmatch '^[\w./:+-][\w.@/:+=-]*$') {
            $quoted = "'" + $language::EscapeSingleQuotedStringContent($candidate) + "'"
        }
        if (-not $about) { $about = $candidate }
        [System.Management.Automation.CompletionResult]::new($quoted, $candidate, 'ParameterValue', $about)
    }
}
