#!/bin/sh
# Calls an API with a token from a mounted Kubernetes Secret: call-with-token.sh URL [OPTIONS OF CURL]. Needs curl and sha256sum.
# Prints the answer's body; ends with 22 when the answer is 400 or more.
#
# A call that is refused with 401 is made a second time only with another token. If the folder still has the refused one, the
# daemon is told, once.
#
#   TOKEN_FOLDER    where the Secret is mounted
#   REJECTIONS_URL  http://token-refresher-rejections.NAMESPACE:8081/v1/tokens/NAME/rejections
#   IDENTITY_FILE   the projected service-account token
set -eu
max_wait=10
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# Both files of one token: the kubelet puts them into a new folder, and ..data leads to it. Once more if the kubelet has just
# removed the former one.
read_token() { read_once 2>"$work/problem" || read_once; }
read_once() {
  folder=$(readlink -f "$TOKEN_FOLDER/..data") || folder=$TOKEN_FOLDER/..data # Is nothing there, cat says so.
  next_authorization=$(cat "$folder/authorization") && next_access_token=$(cat "$folder/access_token") || return 1
  authorization=$next_authorization access_token=$next_access_token
}

# The header goes through a pipe: what stands in a command line can be seen by every user of the machine.
send() {
  status=$(printf 'Authorization: %s\n' "$authorization" |
    curl --silent --show-error --max-time 30 --header @- --output "$work/body" --write-out '%{http_code}' "$@")
}

report() {
  sha256=$(printf %s "$1" | sha256sum | cut -d ' ' -f 1)
  answer=$(printf 'Authorization: Bearer %s\n' "$(cat "$IDENTITY_FILE")" |
    curl --silent --max-time 5 --noproxy '*' --header @- --header 'Content-Type: application/json' \
      --data "{\"sha256\":\"$sha256\",\"status\":401}" --write-out '\n%{http_code}' "$REJECTIONS_URL") || return 0
  [ "$(printf %s "$answer" | tail -n 1)" = 202 ] || return 0
  retry_after=$(printf %s "$answer" | sed -n 's/.*"retry_after": *\([0-9]*\).*/\1/p')
  [ "${retry_after:=1}" -le $max_wait ] || retry_after=$max_wait
  sleep "$retry_after"
}

read_token
refused=$access_token
send "$@"
if [ "$status" = 401 ]; then
  # When the files cannot be read any more, the answer that is there says more than that.
  read_token || true
  if [ "$access_token" = "$refused" ]; then
    report "$refused"
    read_token || true
  fi
  if [ "$access_token" != "$refused" ]; then send "$@"; fi
fi
cat "$work/body"
[ "$status" -lt 400 ] || exit 22
