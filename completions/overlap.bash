# Completion of overlap for bash. What there is to complete, the command itself tells: its --help.

# _overlap_options VERB: the options of a verb, or without one, of the command.
_overlap_options() {
    "$_overlap_command" ${1:+"$1"} --help 2>/dev/null |
        sed -nE 's/^ {2,6}(-[A-Za-z0-9]), (--[a-z0-9.-]+)( .*)?$/\1\n\2/p; s/^ {2,6}(-[A-Za-z0-9]|--[a-z0-9.-]+)( .*)?$/\1/p'
}

_overlap_verbs() {
    "$_overlap_command" --help 2>/dev/null | sed -nE '/^Verbs:/,/^$/s/^  ([a-z]+) .*/\1/p'
}

_overlap() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb='' i
    local _overlap_command=${COMP_WORDS[0]}
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -*) ;;
        *)
            verb=${COMP_WORDS[i]}
            break
            ;;
        esac
    done
    if [[ $verb == run || $verb == advise ]]; then
        # What follows -- is a command with words of its own.
        for ((i = 2; i < COMP_CWORD; i++)); do
            if [[ ${COMP_WORDS[i]} == -- ]]; then
                if ((i == COMP_CWORD - 1)); then
                    mapfile -t COMPREPLY < <(compgen -c -- "$current")
                else
                    mapfile -t COMPREPLY < <(compgen -f -- "$current")
                fi
                return
            fi
        done
    fi
    case $previous in
    --model | --models)
        local models='sync threads async processes auto'
        case $verb in
        run) models='sync threads async auto cluster' ;;
        compare) models+=' cluster' ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$models" -- "$current")
        return
        ;;
    --progress)
        mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$current")
        return
        ;;
    esac
    if [[ -z $verb && $current != -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_overlap_verbs)" -- "$current")
    elif [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_overlap_options "$verb")" -- "$current")
    elif [[ $verb == compare ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'io cpu' -- "$current"; compgen -f -- "$current")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
    fi
}

complete -o filenames -o bashdefault -F _overlap overlap
