#!/bin/bash
# Files into a running container and out of it: what arrives, who owns it, what a hostile tree cannot do with it, and what is refused.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin

lab_start files '{"limits":{"memory_max":134217728,"disk_max":67108864}}'
box=$LAB
runs 'a container with a way in' wait_until 60 lab_up
files="/containers/$box/files"

put() { # PATH FILE [MORE OF THE QUERY]
	api PUT "$files?path=$1${3:-}" -T "$2" --max-time 300
}
get() { # PATH: into $LOGS/got, which `api` does not keep byte for byte
	STATUS=$(curl -sk --max-time 300 -o "$LOGS/got" -D "$LOGS/got.head" -w '%{http_code}' --connect-to "::127.0.0.1:$PORT_HTTPS" \
		-H "Authorization: Bearer $TOKEN" "https://api.$DOMAIN/api/v1$files?path=$1")
	HEADERS=$(tr -d '\r' <"$LOGS/got.head" | tr '[:upper:]' '[:lower:]') BODY=$(head -c 4000 "$LOGS/got" | tr -d '\000')
}
sum() { sha256sum <"$1" | cut -c1-64; }

# -- in and out --
head -c 20000000 /dev/urandom >"$LOGS/large"
put /srv/large "$LOGS/large"
answers 204 'a file of 20 MB is put into the container'
is "$(lab 'sha256sum </srv/large | cut -c1-64; stat -c "%u:%g %a" /srv/large' | tr '\n' ' ')" "$(sum "$LOGS/large") 0:0 644 " 'it arrives, owned by its root'
get /srv/large
answers 200 'and is taken out again'
is "$(sum "$LOGS/got")" "$(sum "$LOGS/large")" 'the same bytes'
like "$HEADERS" 'x-bulkhead-type: file' 'with its type'
like "$HEADERS" 'x-bulkhead-mode: 0644' 'its mode'
like "$HEADERS" 'x-bulkhead-modified: 20[0-9-]*t[0-9:.]*z' 'and its time'
echo 'exit 3' >"$LOGS/script"
put /srv/tool "$LOGS/script" '&mode=4711&uid=33&gid=34'
is "$(lab 'stat -c "%u:%g %a" /srv/tool')" '33:34 4711' 'owner and mode are as asked'
get /srv/tool
like "$HEADERS" $'x-bulkhead-uid: 33\nx-bulkhead-gid: 34' 'and are told'
put /srv/tool /dev/null
is "$STATUS $(lab 'stat -c "%s %u:%g %a" /srv/tool')" '204 0 0:0 644' 'an empty file takes the place of another whole'
lab 'head -c 3000000 /dev/zero >/var/zeros; echo grown >>/var/zeros; printf "" >/var/empty.txt'
get /var/zeros
is "$(sum "$LOGS/got")" "$( (head -c 3000000 /dev/zero; echo grown) | sha256sum | cut -c1-64)" 'what the container wrote comes out'
get /var/empty.txt
is "$STATUS $(stat -c %s "$LOGS/got")" '200 0' 'also an empty file'
get /proc/1/comm
is "$STATUS $(cat "$LOGS/got")" "200 $(lab 'cat /proc/1/comm')" 'and one of the kernel, whose size nobody knows before'
api HEAD "$files?path=/srv/large" --head
like "$HEADERS" '[Cc]ontent-[Ll]ength: 20000000' 'HEAD tells the size'
lab 'mkdir -p /srv/dir/sub; echo a >"/srv/dir/a b"; ln -s /etc/passwd /srv/dir/link; chown 5:6 /srv/dir/sub; chmod 2750 /srv/dir/sub; mkfifo /srv/dir/pipe'
get /srv/dir
answers 200 'a folder comes as a list'
like "$HEADERS" 'x-bulkhead-type: folder' 'and says so'
is "$(jq -c '.entries | sort_by(.name) | map([.name, .type, .mode, .uid, .gid, .bytes])' "$LOGS/got")" \
	'[["a b","file","0644",0,0,2],["link","link","0777",0,0,0],["pipe","other","0644",0,0,0],["sub","folder","2750",5,6,0]]' 'of what is in it'
get /srv/dir/a%20b
is "$(cat "$LOGS/got")" a 'a name with a space'
api PUT "$files?path=/srv/made&type=folder&mode=0700&uid=7"
is "$STATUS $(lab 'stat -c "%u:%g %a %F" /srv/made')" '204 7:0 700 directory' 'a folder is made'
api PUT "$files?path=/srv/made&type=folder"
answers 204 'once more changes nothing'
put /srv/made/file "$LOGS/script"
api DELETE "$files?path=/srv/made"
refused 409 conflict path 'a folder that holds something is not deleted'
api DELETE "$files?path=/srv/made/file"
is "$STATUS $(lab 'ls -A /srv/made | wc -l')" '204 0' 'a file is'
api DELETE "$files?path=/srv/made"
is "$STATUS $(lab 'ls -d /srv/made 2>&1 | grep -c "No such"')" '204 1' 'then the folder is'

# -- a tree that means harm --
lab 'rm -rf /srv/dir; mkdir /srv/dir; ln -s /proc/self/fd /srv/dir/fd; ln -s /proc/1/root/etc /srv/dir/root; ln -s ../../../../../../../../etc/passwd /srv/dir/up; ln -s loop /srv/dir/loop; ln -s /srv/aim /srv/dir/aim; echo aim >/srv/aim; mknod /srv/dir/null c 1 3 2>/dev/null; mkfifo /srv/dir/pipe'
get /srv/dir/up
is "$STATUS $(head -n 1 "$LOGS/got")" "200 $(lab 'head -n 1 /etc/passwd')" 'a link that climbs ends in the container'
for path in /srv/dir/fd/3 /srv/dir/fd/4 /srv/dir/fd/5 /srv/dir/fd/6 /proc/self/fd/6 /proc/self/exe /proc/self/root/etc/passwd /srv/dir/root/passwd; do
	get "$path"
	refused 404 not_found path "$path leads nowhere"
done
get /srv/dir/loop
refused 404 not_found path 'a link to itself'
get /srv/dir/pipe
refused 409 conflict path 'a pipe is not waited for'
get /dev/zero
refused 409 conflict path 'nor a device'
put /srv/dir/aim "$LOGS/script"
is "$STATUS $(lab 'cat /srv/aim; stat -c %F /srv/dir/aim' | tr '\n' ' ')" '204 aim regular file ' 'a link is replaced, not followed'
put /srv/dir/fd/9 "$LOGS/script"
refused 404 not_found path 'nothing is put through a link of /proc'
put /proc/sys/kernel/core_pattern "$LOGS/script"
isnt "$STATUS" 204 'nor into the kernel'
put /sys/fs/cgroup/memory.max "$LOGS/script"
isnt "$STATUS" 204 "nor into the container's control group"
is "$(lab 'ls -A /srv /srv/dir /etc | grep -c "^.push-"')" 0 'nothing of it is left behind'
runs 'the container is still there' lab_up

# -- refused --
put /nowhere/file "$LOGS/script"
refused 404 not_found path 'a folder that is not there'
put /etc "$LOGS/script"
refused 409 conflict path 'a folder is not replaced'
put /etc/ "$LOGS/script"
refused 400 invalid path 'a name is needed'
put etc/file "$LOGS/script"
refused 400 invalid path 'and an absolute path'
api GET "$files"
refused 400 invalid path 'a path is needed'
get /etc/nothing
refused 404 not_found path 'a file that is not there'
put "/srv/$(printf 'a%.0s' {1..300})" "$LOGS/script"
refused 400 invalid path 'a name that is too long'
put "/$(printf 'a%.0s' {1..1200})" "$LOGS/script"
refused 400 invalid path 'a path that is too long'
put /srv/x%0Ay "$LOGS/script"
refused 400 invalid path 'a path with a line end'
for mode in 8 0x1ff 10000 -1 rw; do
	put /srv/x "$LOGS/script" "&mode=$mode"
	refused 400 invalid mode "mode $mode"
done
put /srv/x "$LOGS/script" '&uid=65536'
refused 400 invalid uid 'a user beyond the range'
put /srv/x "$LOGS/script" '&type=link'
refused 400 invalid type 'a type that is none'
api PUT "$files?path=/srv/x&type=folder" --data-binary x
answers 400 'a folder has no body'
put /srv/x "$LOGS/script" '&follow=1'
refused 400 invalid follow 'an unknown parameter'
is "$(lab 'ls /srv | grep -c "^[xa]"')" 1 'none of that made anything'
head -c 100000000 /dev/zero >"$LOGS/huge"
put /srv/huge "$LOGS/huge"
refused 507 no_space path "more than the container's disk holds"
is "$(lab 'ls /srv/huge 2>&1 | grep -c "No such"; df -k / | tail -n 1 | grep -c " 100%"' | tr '\n' ' ')" '1 0 ' 'leaves nothing of itself'
api GET "/containers/$(printf '0%.0s' {1..24})/files?path=/etc/passwd"
refused 404 not_found - 'a container that is not there'
api_json POST /tokens '{"name":"r","role":"reader"}'
admin=$TOKEN
TOKEN=$(field .token)
get /etc/shadow
answers 403 'a reader reads no file'
TOKEN=$admin
api_json POST "/containers/$box/freeze" '{}'
get /etc/passwd
refused 409 conflict - 'a frozen container'
api_json POST "/containers/$box/unfreeze" '{}'
api POST "/containers/$box/stop?timeout=0"
get /etc/passwd
refused 409 conflict - 'a stopped one'
put /srv/x "$LOGS/script"
refused 409 conflict - 'also for what comes in'

# -- the client --
api POST "/containers/$box/start?wait=true"
printf '%s\n' "$TOKEN" >"$LOGS/token"
admin_ssh certificate </dev/null >"$LOGS/ca.pem" 2>/dev/null
client() { "$O/bin/bulkhead" --server "https://api.$DOMAIN" --connect "127.0.0.1:$PORT_HTTPS" --ca "$LOGS/ca.pem" --token-file "$LOGS/token" "$@"; }
runs 'the client puts a file' client file push "$LOGS/large" "$box" /srv/second mode=0600 uid=9
runs 'and takes it' client file pull "$box" /srv/second "$LOGS/second"
is "$(sum "$LOGS/second")" "$(sum "$LOGS/large")" 'the same bytes'
is "$(client file pull "$box" /etc/passwd)" "$(lab 'cat /etc/passwd')" 'or to its output'
runs 'it makes a folder' client file mkdir "$box" /srv/by-client mode=0711
runs 'and deletes it' client file delete "$box" /srv/by-client
refuses 'it says what is not there' client file pull "$box" /srv/by-client "$LOGS/none"
refuses 'and leaves no file' ls "$LOGS/none" "$LOGS/none.part"
rm -f "$LOGS/large" "$LOGS/second" "$LOGS/huge" "$LOGS/got"
api DELETE "/containers/$box"
answers 204 'the container is deleted'
finish
