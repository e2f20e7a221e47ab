# Completion of taictl for bash. What there is to complete, taictl --help says at each time.
# For zsh: autoload -U bashcompinit && bashcompinit && source this file.

# _taictl_options: of a help on standard input, every option with what its value is called.
_taictl_options() {
    local line name value
    while IFS= read -r line; do
        case $line in
        '  --'*)
            name=${line#  }
            value=${name#* }
            case $value in
            ' '*) value= ;;
            esac
            printf '%s %s\n' "${name%% *}" "${value%% *}" ;;
        esac
    done
}

# _taictl_value OPTION: what the value of an option is called, by lines of _taictl_options.
_taictl_value() {
    local name value
    while read -r name value; do
        [ "$name" != "$1" ] || printf '%s' "$value"
    done
}

# _taictl_commands [NOUN]: of a help on standard input, the nouns, or the verbs of one.
_taictl_commands() {
    local line noun verb ignored
    while IFS= read -r line; do
        case $line in
        '  '[a-z]*)
            read -r noun verb ignored <<<"$line"
            if [ -z "${1:-}" ]; then
                echo "$noun"
            elif [ "$noun" = "$1" ]; then
                case $verb in
                [a-z]*) echo "$verb" ;;
                esac
            fi ;;
        esac
    done
}

# _taictl_files WORD
_taictl_files() {
    ! type compopt >/dev/null 2>&1 || compopt -o filenames
    local IFS=$'\n'
    COMPREPLY=($(compgen -f -- "$1"))
}

# _taictl PROGRAM WORD WORD_BEFORE
_taictl() {
    local help options noun='' verb='' verbs='' skip=no i word value
    COMPREPLY=()
    help=$("$1" --help 2>/dev/null) || return 0
    options=$(_taictl_options <<<"$help")

    # The command, if all of it stands before the word: what is neither an option nor its value.
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [ $skip = yes ]; then
            skip=no
        elif [[ $word == -* ]]; then
            [ -z "$(_taictl_value "$word" <<<"$options")" ] || skip=yes
        elif [ -z "$noun" ]; then
            noun=$word
            verbs=$(_taictl_commands "$noun" <<<"$help")
        elif [ -n "$verbs" ] && [ -z "$verb" ]; then
            verb=$word
        fi
    done
    if [ -n "$verb" ] || { [ -n "$noun" ] && [ -z "$verbs" ]; }; then
        help=$("$1" $noun $verb --help 2>/dev/null) || return 0
        options=$(_taictl_options <<<"$help")
    fi

    value=$(_taictl_value "$3" <<<"$options")
    case $value:$2 in
    FILE:* | FILE\|*:*) _taictl_files "$2" ;;
    [a-z]*) COMPREPLY=($(compgen -W "${value//|/ }" -- "$2")) ;;
    [!:]*) ;; # nobody knows its values
    :-*) COMPREPLY=($(compgen -W "$(sed 's/ .*//' <<<"$options")" -- "$2")) ;;
    *)
        if [ -z "$noun" ]; then
            COMPREPLY=($(compgen -W "$(_taictl_commands <<<"$help" | uniq)" -- "$2"))
        elif [ -n "$verbs" ] && [ -z "$verb" ]; then
            COMPREPLY=($(compgen -W "$verbs" -- "$2"))
        elif [[ ${help%%$'\n'*} == *' FILE'* ]]; then
            _taictl_files "$2"
        fi ;;
    esac
}

complete -F _taictl taictl
