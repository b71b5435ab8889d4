#!/bin/bash
# Export of a stopped container, or of a snapshot, as an OCI image; what a stranger's tools see in it; and a container made of it again, with its settings.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin

lab_start whole '{"limits":{"memory_max":134217728,"disk_max":268435456,"cpu_percent":150},"labels":{"kind":"whole"},"environment":{"FROM":"first"},"restart":"on-failure","start_order":7,"seccomp":{"deny":["ptrace"]}}'
box=$LAB
runs 'a container with a way in' wait_until 60 lab_up
at() { LAB=$1 LAB_URL=$2; }
export_to() { # PATH FILE
	STATUS=$(curl -sk --max-time 400 -o "$2" -w '%{http_code}' --connect-to "::127.0.0.1:$PORT_HTTPS" -H "Authorization: Bearer $TOKEN" \
		"https://api.$DOMAIN/api/v1$1/export")
	BODY=$(head -c 2000 "$2" | tr -d '\000')
}
lab 'mkdir -p /srv/in; echo one >/srv/in/file; ln /srv/in/file /srv/second; ln -s in/file /srv/link; chown 33:34 /srv/in/file; chmod 4711 /srv/in/file; rm -f /etc/netconfig /usr/bin/env; mkfifo /srv/pipe; head -c 5000000 /dev/urandom >/srv/large; mv /usr/share/misc /usr/share/moved 2>/dev/null; true'
large=$(lab 'sha256sum </srv/large | cut -c1-64')
export_to "/containers/$box" "$LOGS/none"
refused 409 conflict - 'one that runs is not exported'
api_json POST "/containers/$box/snapshots" '{"name":"now"}' --max-time 100
now=$(field .id)
lab 'echo two >/srv/in/file; chmod 4711 /srv/in/file' # a write takes the setuid bit away
export_to "/snapshots/$now" "$LOGS/now.tar"
is "$STATUS" 200 'a snapshot of it is'
api POST "/containers/$box/stop?timeout=0"
export_to "/containers/$box" "$LOGS/box.tar"
is "$STATUS" 200 'so is the stopped container'

# -- what is in it --
cd "$LOGS"
mkdir -p layout rootfs
runs 'it is a tar' tar -C layout -xf box.tar
blob() { echo "layout/blobs/sha256/${1#sha256:}"; }
is "$(jq -r .imageLayoutVersion layout/oci-layout)" 1.0.0 'of an OCI layout'
manifest=$(blob "$(jq -r '.manifests[0].digest' layout/index.json)")
config=$(blob "$(jq -r .config.digest "$manifest")")
layer=$(blob "$(jq -r '.layers[0].digest' "$manifest")")
whole() { local f; for f in layout/blobs/sha256/*; do [ "$(sha256sum <"$f" | cut -c1-64)" = "${f##*/}" ] || return 1; done; }
runs 'every blob has its digest for a name' whole
is "$(jq -r '.layers[0].size' "$manifest") $(jq -r .config.size "$manifest")" "$(stat -c %s "$layer") $(stat -c %s "$config")" 'and its size'
is "sha256:$(zstd -qdc "$layer" | sha256sum | cut -c1-64)" "$(jq -r '.rootfs.diff_ids[0]' "$config")" 'the layer is the one that the config names'
is "$(jq -c '[.config.Cmd[0], (.config.Env | map(select(startswith("FROM=")))), .config.ExposedPorts]' "$config")" '["/bin/sh",["FROM=first"],{"80/tcp":{}}]' 'command, variables, port'
is "$(jq -r '.annotations["org.bulkhead.container"] | fromjson | [.restart, .start_order, .limits.cpu_percent, .labels.kind, .seccomp.deny[0]] | map(tostring) | join(" ")' "$manifest")" \
	'on-failure 7 150 whole ptrace' 'and settings'
zstd -qdc "$layer" | tar -C rootfs --numeric-owner -xpf -
is "$(stat -c '%u:%g %a %h' rootfs/srv/in/file) $(readlink rootfs/srv/link) $(cat rootfs/srv/second)" '33:34 4711 2 in/file two' 'its files, with owners of the container'
is "$(sha256sum <rootfs/srv/large | cut -c1-64) $(stat -c %F rootfs/srv/pipe)" "$large fifo" 'what it wrote'
refuses 'and not what it removed' ls rootfs/usr/bin/env
is "$(stat -c '%u:%g' rootfs/etc/passwd rootfs/usr/bin/dash | sort -u)" 0:0 'what is of the image belongs to root'
rm -rf layout rootfs
cd - >/dev/null

# -- and back --
api POST "/images?name=again&realm=$REALM" -T "$LOGS/box.tar" -H 'Content-Type: application/x-tar' --max-time 300
answers 201 'it is taken as an image'
image=$(field .id)
is "$(field .container.start_order)" 7 'which says what it brings'
api_json POST /containers "{\"project\":\"$PROJECT\",\"image\":\"$image\",\"name\":\"again\",\"start_order\":9}" --max-time 120
answers 201 'a container is made of it'
again=$(field .id)
is "$(field '[.state, .restart, .start_order, .limits.cpu_percent, .limits.disk_max, .labels.kind, .seccomp.deny[0]] | map(tostring) | join(" ")')" \
	'running on-failure 9 150 268435456 whole ptrace' 'with its settings, where nothing else was said'
at "$again" "$(field .url)"
runs 'it runs' wait_until 60 lab_up
is "$(lab 'stat -c "%u:%g %a %h" /srv/in/file; cat /srv/in/file; sha256sum </srv/large | cut -c1-64; echo $FROM; ls /usr/bin/env 2>&1 | grep -c "No such"' | tr '\n' ' ')" \
	"33:34 4711 2 two $large first 1 " 'and is what it was'
api POST "/images?name=earlier&realm=$REALM" -T "$LOGS/now.tar" -H 'Content-Type: application/x-tar' --max-time 300
answers 201 'the snapshot as an image'
earlier=$(field .id)
api_json POST /containers "{\"project\":\"$PROJECT\",\"image\":\"$earlier\",\"name\":\"earlier\"}" --max-time 120
third=$(field .id)
at "$third" "$(field .url)"
runs 'a container of it runs' wait_until 60 lab_up
is "$(lab 'cat /srv/in/file')" one 'as the first was then'

# -- refused, and the client --
api_json POST /tokens '{"name":"r","role":"reader"}'
admin=$TOKEN
TOKEN=$(field .token)
export_to "/containers/$box" "$LOGS/none"
answers 403 'a reader exports nothing'
TOKEN=$admin
export_to "/containers/$(printf '0%.0s' {1..24})" "$LOGS/none"
refused 404 not_found - 'nor is there what is not there'
export_to "/snapshots/$(printf '0%.0s' {1..24})" "$LOGS/none"
refused 404 not_found - 'of snapshots'
lab 'i=0; d=/srv; while [ $i -lt 300 ]; do d=$d/d; mkdir $d 2>/dev/null || { cd $d/.. && mkdir d; }; i=$((i + 1)); done' >/dev/null 2>&1
api POST "/containers/$third/stop?timeout=0"
export_to "/containers/$third" "$LOGS/none"
refused 400 unsupported - 'a tree that is too deep is not exported'
printf '%s\n' "$TOKEN" >"$LOGS/token"
admin_ssh certificate </dev/null >"$LOGS/ca.pem" 2>/dev/null
client() { "$O/bin/bulkhead" --server "https://api.$DOMAIN" --connect "127.0.0.1:$PORT_HTTPS" --ca "$LOGS/ca.pem" --token-file "$LOGS/token" "$@"; }
runs 'the client exports' client container export "$box" "$LOGS/client.tar"
runs 'a whole image' tar -tf "$LOGS/client.tar"
for id in "$box" "$again" "$third"; do api DELETE "/containers/$id"; done
gone() { api DELETE "/images/$image" && [ "$STATUS" = 204 ]; }
runs 'the image is deleted when nobody uses it' wait_until 30 gone
api DELETE "/images/$earlier"
rm -f "$LOGS"/*.tar "$LOGS/none"
finish
