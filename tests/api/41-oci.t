#!/bin/bash
# Images in layers: OCI layouts and docker archives, plain and compressed. What they ask for is done, layers are shared, and what is wrong
# with one is said and leaves nothing.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
. tests/lib/tar.sh
. tests/lib/oci.sh
api_begin
# A place for blobs of tens of megabytes.
W=$M/oci
rm -rf "$W"
mkdir -p "$W"
before=$(guard)

send() { # FILE NAME [CURL...]
	local file=$1 name=$2
	shift 2
	api POST "/images?name=$name" -T "$file" -H 'Content-Type: application/octet-stream' --max-time 400 "$@"
}
bad() { # FILE FIELD WORD TEXT
	send "$1" bad
	refused 400 invalid_image "$2" "$4: refused"
	like "$(field .error.message)" "$3" "$4: said"
}
start() { # IMAGE NAME [JSON]
	api_json POST /containers "$(jq -cn --arg p "$PROJECT" --arg i "$1" --arg n "$2" --argjson more "${3:-{\}}" \
		'{project: $p, image: $i, name: $n} + $more')" --max-time 120
	ID=$(field .id) URL=$(field .url)
}

# -- the layers --
# Not the very archive that the other tests use, whose layer it would share.
{ cat "$O/guest.tar"; head -c 512 /dev/zero; } >"$W/base.tar"
mkdir -p "$W/app/srv/www/cgi-bin" "$W/app/opt/old"
printf '#!/bin/sh\nprintf "Content-Type: text/plain\\r\\n\\r\\n"\nexec sh 2>&1\n' >"$W/app/srv/www/cgi-bin/run"
printf '#!/bin/sh\ntrap "exit 5" USR1\nbusybox httpd -f -p "[::]:$PORT" -h /srv/www &\nwhile :; do wait; sleep 1; done\n' >"$W/app/opt/serve"
chmod 755 "$W/app/srv/www/cgi-bin/run" "$W/app/opt/serve"
printf 'new\n' >"$W/app/opt/old/new"
mkdir -p "$W/mid/opt/old/deep"
printf 'old\n' >"$W/mid/opt/old/first"
printf 'old\n' >"$W/mid/opt/gone"
printf 'user\n' >"$W/mid/opt/kept"
{ tar -C "$W/mid" --owner=0 --group=0 --sort=name -cf - opt; } >"$W/mid.tar"
# As docker writes it: a folder that is new, one that is emptied, a file that is gone, a device that no container needs.
touch "$W/app/opt/.wh.gone" "$W/app/opt/old/.wh..wh..opq"
mkdir -p "$W/app/etc"
touch "$W/app/etc/.wh.hosts"
mkdir -p "$W/app/dev"
mknod "$W/app/dev/console" c 5 1
tar -C "$W/app" --owner=0 --group=0 --sort=name -cf "$W/app.tar" dev etc opt srv

run='{"Entrypoint": ["/opt/serve"], "Env": ["PORT=8080", "FROM=image", "with.dots=1", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
	"User": "www-data:games", "WorkingDir": "/var/lib/app/data", "StopSignal": "SIGUSR1", "ExposedPorts": {"8080/tcp": {}}}'
oci_begin "$W/one"
oci_layer "$W/base.tar" gzip
oci_layer "$W/mid.tar"
oci_layer "$W/app.tar" zstd
oci_end "$run"
tar -C "$W/one" -cf "$W/one.tar" .

send "$W/one.tar" app
answers 201 'an OCI layout is an image'
one=$(field .id)
is "$(field .digest)" "$OCI_DIGEST" 'with the digest of its manifest'
is "$(field '.layers | join(" ")')" "$(for f in base mid app; do sha256sum <"$W/$f.tar" | cut -c1-64; done | tr '\n' ' ' | sed 's/ $//')" 'its layers are named by their plain tars'
is "$(field '.config | [.command[0], .environment.PORT, .user, .cwd, .stop_signal, .port] | map(tostring) | join(" ")')" \
	'/opt/serve 8080 www-data:games /var/lib/app/data 10 8080' 'and its config is shown'
send "$W/one.tar" again
is "$STATUS $(field .id)" "200 $one" 'the same once more is the same'

# -- run as it asks --
start "$one" web '{"environment":{"FROM":"container"}}'
answers 201 'a container starts as the image says'
web=$ID
is "$(field .port)" 8080 'on the port that it exposes'
LAB_URL=$URL
runs 'it serves' wait_until 60 lab_up
is "$(lab 'id -un; id -gn; id -G')" $'www-data\ngames\n60' 'as the user that it names'
is "$(lab 'readlink /proc/1/cwd')" /var/lib/app/data 'in its working folder, which was made'
is "$(lab 'echo $FROM $HOME; tr "\0" "\n" </proc/1/environ | grep ^with')" $'container /var/www\nwith.dots=1' "with its variables and the container's"
is "$(lab 'ls /opt; ls -a /opt/old | sort | tr "\n" " "')" $'kept\nold\nserve\n. .. new ' 'deletions are in force, nothing that was hidden is seen'
is "$(lab 'ls /etc/hosts 2>&1 | tail -n 1; cat /opt/kept')" $'ls: cannot access \'/etc/hosts\': No such file or directory\nuser' 'also in the lowest layer, and others stay'
is "$(lab 'stat -c "%t:%T" /dev/console; ls -la /opt | grep -c " 0, *0 "')" $'88:0\n0' 'no device of the layer, no deletion is seen'
api POST "/containers/$web/stop?timeout=30"
answers 200 'it is stopped'
api GET "/containers/$web"
is "$(field .exit_status)" 1280 'by the signal that the image names'
api POST "/containers/$web/start"
answers 200 'and starts again'

# -- another word than the image's --
start "$one" other '{"command":["/bin/sh","-c","id -u >/tmp/id; pwd >>/tmp/id; exec /opt/serve"],"user":"1234","cwd":"/tmp","port":8080}'
answers 201 "the container's own command, user and folder"
LAB_URL=$URL
runs 'it serves' wait_until 60 lab_up
is "$(lab 'cat /tmp/id')" $'1234\n/tmp' 'stand before those of the image'
is "$(field '[.user, .cwd] | join(" ")')" '1234 /tmp' 'and are shown'
api DELETE "/containers/$ID"
start "$one" nobody '{"user":"nobody-of-this-name"}'
like "$STATUS $(field '.error.message // .message')" "has no user 'nobody-of-this-name'" 'a user who is not there: said'
api GET '/containers?limit=200'
for id in $(field '.items[] | select(.name == "nobody") | .id'); do api DELETE "/containers/$id"; done

# -- the same layers in a docker archive --
docker_begin "$W/two"
docker_layer "$W/base.tar"
docker_layer "$W/app.tar" gzip
docker_layer "$W/app.tar" gzip # once more, as some builders do
docker_end '{"Cmd": ["/opt/serve"], "Env": ["PORT=80"]}'
tar -C "$W/two" -cf - . | zstd -q >"$W/two.tar.zst"
free=$(data_free)
send "$W/two.tar.zst" docker
answers 201 'a docker archive, compressed, is an image'
two=$(field .id)
is "$(field .digest)" "$DOCKER_DIGEST" 'with the digest of its config'
is "$(field '.layers | length')" 2 'a layer that is there twice counts once'
no_more() { [ "$((free - $(data_free)))" -lt 3000000 ]; } # the file system takes a moment to give back what the upload took
runs 'layers that are there take no room again' wait_until 60 no_more
start "$two" docker
answers 201 'a container of it runs'
docker=$ID
LAB_URL=$URL
runs 'it serves' wait_until 60 lab_up
is "$(lab 'id -u; readlink /proc/1/cwd; ls /opt/old')" $'0\n/\nnew' 'as root, in /'

# -- shared, kept, collected --
api DELETE "/images/$one"
refused 409 in_use - 'an image that is used is not deleted'
api DELETE "/containers/$web"
api DELETE "/images/$one"
answers 204 'else it is'
api POST "/containers/$docker/stop?timeout=0"
api POST "/containers/$docker/start"
answers 200 'layers that another image has stay'
wait_until 60 lab_up || true
is "$(lab 'cat /opt/old/new')" new 'and are whole'
api DELETE "/containers/$docker"
free=$(data_free)
api DELETE "/images/$two"
answers 204 'the last image goes'
collected() { [ "$(($(data_free) - free))" -gt 10000000 ]; }
runs 'and its layers with it' wait_until 60 collected
api GET "/images/$IMAGE_ID"
answers 200 'others are not touched'

# -- root file systems, compressed --
for kind in gzip xz zstd; do
	tar -C "$W/mid" --owner=0 --group=0 -cf - opt | $kind >"$W/root.$kind"
	send "$W/root.$kind" "root-$kind"
	is "$STATUS $(field .digest) $(field '.layers | length') $(field .config)" "201 $(sha256sum <"$W/root.$kind" | cut -c1-64) 1 null" "a root tar by $kind"
	api DELETE "/images/$(field .id)"
done

# -- wrong --
small() { # begins a layout with one small layer
	rm -rf "$W/bad"
	oci_begin "$W/bad"
	oci_layer "$W/mid.tar" gzip
}
packed() { tar -C "$W/bad" -cf "$W/bad.tar" .; }
small; oci_end '{}'; packed
head -c "$(($(stat -c %s "$W/bad.tar") / 2))" "$W/bad.tar" >"$W/cut.tar"
bad "$W/cut.tar" tar 'cut off|[Tt]runcated' 'an archive that is cut off'
small; oci_end '{}'; rm "$W/bad/blobs/sha256/$OCI_LAST"; packed
bad "$W/bad.tar" tar "$OCI_LAST" 'a layer that is missing'
small; oci_end '{}'
printf 'x' | dd of="$W/bad/blobs/sha256/$OCI_LAST" bs=1 seek=20 conv=notrunc status=none
packed
bad "$W/bad.tar" - 'SHA-256|unpacked' 'a layer with another content'
small; OCI_DIFFS=("$(printf '0%.0s' {1..64})"); oci_end '{}'; packed
bad "$W/bad.tar" digest 'unpacked layer' 'a config that tells another layer'
small; OCI_ARCH=arm64 oci_end '{}'; packed
bad "$W/bad.tar" config.architecture 'linux/arm64' 'an image for another machine'
small; oci_end '{"Env": ["A"]}'; packed
bad "$W/bad.tar" config.Env 'NAME=value' 'a variable without a value'
small; oci_end '{}'; printf '{"manifests":[' >"$W/bad/index.json"; packed
bad "$W/bad.tar" index.json 'JSON' 'an index that is no JSON'
printf '[{"Config":"a","Layers":["b"]},{"Config":"a","Layers":["b"]}]' >"$W/manifest.json"
tar -C "$W" -cf "$W/bad.tar" manifest.json
bad "$W/bad.tar" manifest.json '2 images' 'an archive of two images'
hostile() { # ENTRIES TEXT WORD: a layer made of these
	rm -rf "$W/bad"
	oci_begin "$W/bad"
	cat >"$W/hostile.tar"
	oci_layer "$W/hostile.tar" gzip
	oci_end '{}'
	packed
	bad "$W/bad.tar" tar "$2" "$1"
}
hostile 'a layer that climbs out' "'..'" < <(tar_entry 0 ../escape '' x; tar_end)
hostile 'a layer through a link' symlink < <(tar_entry 2 door /; tar_entry 0 door/escape '' x; tar_end)
hostile 'a deletion through a link' 'cannot be opened' < <(tar_entry 2 door ..; tar_entry 0 door/.wh.x; tar_end)
hostile 'a device outside of /dev' 'device node' < <(tar_entry 3 mem; tar_end)
hostile 'a layer that hides all others' 'cannot be done' < <(tar_entry 0 .wh..wh..opq; tar_end)
head -c 200000000 /dev/zero | gzip -9 >"$W/zeros.gz"
cp "$W/zeros.gz" "$W/twice"
gzip -c "$W/twice" >"$W/twice.gz"
bad "$W/twice.gz" tar 'more than once' 'an archive compressed twice'
{ tar_entry 5 d; TAR_SIZE=300000000 tar_entry 0 d/zeros; head -c 300000000 /dev/zero; tar_end; } | gzip -9 >"$W/bomb.gz"
bad "$W/bomb.gz" tar 'a bomb' 'a bomb'

is "$(guard)" "$before" 'nothing is left of all this'
rm -rf "$W"
finish
