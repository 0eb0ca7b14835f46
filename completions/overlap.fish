# Completion of overlap for fish. What there is to complete, the command itself tells: its --help.

function __overlap_verbs
    overlap --help 2>/dev/null | sed -nE '/^Verbs:/,/^$/s/^  ([a-z]+) +(.*)/\1\t\2/p'
end

function __overlap_options
    set -l verb (commandline -opc)[2]
    overlap $verb --help 2>/dev/null |
        sed -nE 's/^ {2,6}(-[A-Za-z0-9], )?(--[a-z0-9.-]+)( [^ ]+)?(  +(.*))?$/\2\t\5/p'
end

function __overlap_after
    test (commandline -opc)[-1] = $argv[1]
end

function __overlap_models
    switch (commandline -opc)[2]
        case run
            printf '%s\n' sync threads async auto cluster
        case compare
            printf '%s\n' sync threads async processes auto cluster
        case '*'
            printf '%s\n' sync threads async processes auto
    end
end

complete -c overlap -n 'test (count (commandline -opc)) -eq 1' -f -a '(__overlap_verbs)'
complete -c overlap -n 'string match -q -- "-*" (commandline -ct)' -a '(__overlap_options)'
complete -c overlap -n '__overlap_after --model; or __overlap_after --models' -f -a '(__overlap_models)'
complete -c overlap -n '__overlap_after --progress' -f -a 'auto always never'
complete -c overlap -n 'test (commandline -opc)[2] = compare 2>/dev/null' -a 'io cpu'
