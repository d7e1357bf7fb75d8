# shellcheck shell=bash
# What the demo prints: short, coloured on a terminal, plain in a pipe. Sourced by run.sh.

if [[ -t 1 ]]; then
  bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
  bold='' dim='' green='' red='' plain=''
fi

title() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
step() { title "$1. $2"; }
good() { printf '%s  ok: %s%s\n' "$green" "$*" "$plain"; }
failed() {
  printf '%s  FAILED: %s%s\n' "$red" "$*" "$plain"
  return 1
}
note() { printf '%s  %s%s\n' "$dim" "$*" "$plain"; }

# The command as a user would type it, in lines of at most 100 columns where its words allow. A last
# word "&" is what it means.
command_line() {
  local word line='$'
  for word in "$@"; do
    [[ $word =~ ^([A-Za-z0-9_./:=,@%+-]+|&)$ ]] || word="'$word'"
    if ((${#line} + ${#word} > 96)); then
      printf '%s%s \\%s\n' "$bold" "$line" "$plain"
      line='   '
    fi
    line+=" $word"
  done
  printf '%s%s%s\n' "$bold" "$line" "$plain"
}

# Shows a command and its output, which is left in $shown; returns the command's status.
show() {
  command_line "$@"
  local status=0
  shown=$("$@" 2>&1) || status=$?
  [[ -z $shown ]] || printf '%s\n' "$shown" | sed 's/^/  /'
  return $status
}

# As show(), for a command that must fail.
show_failing() {
  ! show "$@" || failed "this should have failed"
}

# Fails the step unless $shown has the text.
expect() {
  [[ $shown == *"$1"* ]] && return
  failed "expected: $1"
}
