#!/bin/bash
# Images from Debian's docker-registry, by the real host through its firewall: with and without a password, by API and by CLI. What goes
# wrong between a registry and the process that pulls is in 06-pulls.t.
# shellcheck disable=SC2317 # functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
. tests/lib/oci.sh
. tests/lib/registry.sh
api_begin
W=$M/pull
rm -rf "$W"
mkdir -p "$W/app/srv/www"
before=$(guard)

# The machine's network has its own host, where the registry is, at 10.0.2.2.
registry_certificate "$W" IP:10.0.2.2 IP:127.0.0.1
perl -e 'print "alice:", crypt("s3cr3t-pass", q($2y$05$abcdefghijklmnopqrstuu)), "\n"' >"$W/htpasswd"
open_port=$((20000 + RANDOM % 5000)) closed_port=$((26000 + RANDOM % 5000))
registry_start "$W" "$open_port" || bail 'no registry'
pids=$REGISTRY_PID
registry_start "$W" "$closed_port" "$W/htpasswd" || bail 'no registry with a password'
pids="$pids $REGISTRY_PID"
registries_end() {
	local pid
	for pid in $pids; do kill "$pid" 2>/dev/null || true; done
	rm -rf "$W"
}
at_exit registries_end

# -- an image there --
printf 'pulled\n' >"$W/app/srv/www/index.html"
tar -C "$W/app" --owner=0 --group=0 -cf "$W/app.tar" srv
oci_begin "$W/image"
oci_layer "$O/guest.tar" gzip
oci_layer "$W/app.tar" zstd
oci_end '{"Env": ["FROM=registry"], "ExposedPorts": {"80/tcp": {}}}'
push() { # PORT [CURL...]
	local url=https://127.0.0.1:$1/v2/team/app blob
	shift
	for blob in "$W"/image/blobs/sha256/*; do registry_blob "$url" "$blob" "$@" >/dev/null || return 1; done
	registry_push "$url" v1 "$W/image/blobs/sha256/$OCI_DIGEST" application/vnd.oci.image.manifest.v1+json "$@" >/dev/null
}
push "$open_port" || bail 'the registry does not take an image'
push "$closed_port" -u alice:s3cr3t-pass || bail 'the registry with a password does not take an image'

pull() { # REFERENCE [JSON]
	api_json POST /pulls "$(jq -cn --arg r "$1" --rawfile ca "$W/ca.pem" --argjson more "${2:-{\}}" '{reference: $r, ca: $ca} + $more')"
	PULL=$(field .id)
}
ended() { # keeps what it saw on the way
	api GET "/pulls/$PULL"
	printf '%s %s %s\n' "$(field .state)" "$(field .bytes)" "$(field .bytes_total)" >>"$W/seen"
	[ "$(field .ended_at)" != null ]
}
end() { wait_until 300 ended && api GET "/pulls/$PULL"; }

pull "10.0.2.2:$open_port/team/app:v1" '{"name":"pulled"}'
answers 202 'a pull begins'
end || true
is "$(field .state) $(field .blobs) $(field '.bytes == .bytes_total')" 'done 3 true' 'and ends'
like "$(cat "$W/seen")" '(^|\n)(pulling|unpacking) ' 'its way was told'
image=$(field .image)
api GET "/images/$image"
is "$(field .digest) $(field .name) $(field '.config.environment.FROM')" "$OCI_DIGEST pulled registry" 'the image is that of the registry'
api_json POST /containers "{\"project\":\"$PROJECT\",\"image\":\"pulled\",\"name\":\"pulled\"}" --max-time 120
answers 201 'a container of it'
id=$(field .id) url=$(field .url)
runs 'runs' wait_until 60 web_up "$url"
web "$url"
is "$BODY" pulled 'and serves what is in its upper layer'
api DELETE "/containers/$id"
pull "10.0.2.2:$open_port/team/app:v1"
end || true
is "$(field .state) $(field .image)" "done $image" 'once more: it is the same'

# -- by CLI, with a password --
api DELETE "/images/$image"
answers 204 'it is deleted'
admin_ssh certificate </dev/null >"$W/host.pem"
printf '%s\n' "$TOKEN" >"$W/token"
chmod 600 "$W/token"
cli() {
	"$O/bin/bulkhead" --server "https://api.$DOMAIN" --connect "127.0.0.1:$PORT_HTTPS" --token-file "$W/token" --ca "$W/host.pem" "$@"
}
reference=10.0.2.2:$closed_port/team/app:v1
pull "$reference"
end || true
is "$(field .state) $(field .error.code)" 'failed denied' 'a registry with a password, without one'
if printf 's3cr3t-pass\n' | cli image pull "$reference" "ca=$W/ca.pem" username=alice >"$W/out" 2>"$W/err"; then
	pass 'bulkhead image pull asks for the password'
else
	fail 'bulkhead image pull asks for the password'
	diag "$(cat "$W/err")"
fi
is "$(jq -r .digest "$W/out")" "$OCI_DIGEST" 'and shows the image'
like "$(cat "$W/err")" 'unpacking' 'and how far it is'
is "$(grep -c s3cr3t "$M/console.log")" 0 'no log has the password'
api DELETE "/images/$(jq -r .id "$W/out")"
answers 204 'it goes'

# -- what a caller cannot reach through the host --
for address in 127.0.0.1:443 "10.77.0.1:443" 169.254.169.254:443 '[::1]:443'; do
	pull "$address/team/app:v1"
	end || true
	is "$(field .state) $(field .error.code)" 'failed unreachable' "the host does not connect to $address"
	diag "$(field .error.message)"
done

is "$(guard)" "$before" 'nothing is left'
finish
