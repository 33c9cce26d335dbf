# What zsh offers at the end of a command line: zsh -f ask-completion.zsh FOLDER_OF_COMPLETIONS LINE. A line editor in a terminal
# of its own is asked, as only that completes; each candidate is printed as <candidate>.
zmodload zsh/zpty
zpty editor zsh -f -i
say() { zpty -w editor "$1" }
say "PS1= PS2=; stty -echo; fpath=(${(q)1} \$fpath); autoload -Uz compinit; compinit -u -D"
# Every candidate passes through compadd; calls with -O, -A or -D only fill an array for another call.
say 'told() {
    compadd() {
        local -a found
        if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)* ]]; then builtin compadd "$@"; return; fi
        builtin compadd -A found "$@"
        if (( $#found )); then print -rl -- "<"${^found}">"; fi
        builtin compadd "$@"
    }
    _main_complete
    print -r -- "<""END>"
    compstate[insert]= compstate[list]=
}
zle -C told complete-word told; bindkey "^I" told; print -r "<""BEGIN>"'
zpty -r -m editor heard '*<BEGIN>*'
zpty -w -n editor "$2"$'\t'
zpty -r -m editor heard '*<END>*'
print -r -- "${heard//$'\r'/}"
