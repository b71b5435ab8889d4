#!/bin/bash
# Images from a registry: api and the process that pulls, against Debian's docker-registry with and without a password, with HAProxy
# and socat in front for what it does not do by itself (tokens, redirects, connections that break). As 05-roles.t: no machine.
# shellcheck disable=SC2317 # functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/roles.sh
. tests/lib/registry.sh
roles_enter

work=/tmp/registry
registry_certificate $work DNS:localhost
echo 'puller:x:904:' >>/etc/group
echo 'puller:x:904:904::/:/x' >>/etc/passwd
perl -e 'print "alice:", crypt("s3cr3t-pass", q($2y$05$abcdefghijklmnopqrstuu)), "\n"' >$work/htpasswd
runs 'a registry runs' registry_start $work 5000
runs 'and one that wants a password' registry_start $work 5001 $work/htpasswd

# -- an image of two layers --
mkdir -p $work/one/etc $work/two
echo one >$work/one/etc/one
head -c 3000000 /dev/urandom >$work/two/random
tar -C $work/one -cf $work/one.tar etc
tar -C $work/two -cf $work/two.tar random
gzip -nk $work/one.tar $work/two.tar
registry_config "sha256:$(sha256sum $work/one.tar | cut -d' ' -f1)" "sha256:$(sha256sum $work/two.tar | cut -d' ' -f1)" >$work/config
registry_manifest $work/config $work/one.tar.gz $work/two.tar.gz >$work/manifest
manifest_type=application/vnd.oci.image.manifest.v1+json
push() { # URL [CURL...]
	local url=$1 file
	shift
	for file in one.tar.gz two.tar.gz config; do
		registry_blob "$url" "$work/$file" "$@" >/dev/null || return 1
	done
	registry_push "$url" v1 "$work/manifest" "$manifest_type" "$@" >/dev/null
}
runs 'an image is pushed' push https://localhost:5000/v2/team/app
runs 'and to the other registry' push https://localhost:5001/v2/team/app -u alice:s3cr3t-pass
digest=$(sha256sum $work/manifest | cut -d' ' -f1)

# -- what stands in front --
cat >$work/front.cfg <<END
defaults
	mode http
	timeout connect 5s
	timeout client 60s
	timeout server 60s
listen tokens
	bind 127.0.0.1:5002 ssl crt $work/both.pem
	http-request return status 200 content-type application/json string '{"token":"t0k3n"}' if { path /token } { url_param(scope),url_dec -m str repository:team/app:pull } { req.hdr(authorization) -m found }
	http-request return status 401 if { path /token }
	http-request return status 401 hdr WWW-Authenticate 'Bearer realm="https://localhost:5002/token",service="tests",scope="repository:team/app:pull"' unless { req.hdr(authorization) -m str "Bearer t0k3n" }
	http-request del-header Authorization
	server registry 127.0.0.1:5000 ssl verify none
listen redirects
	bind 127.0.0.1:5003 ssl crt $work/both.pem
	http-request redirect location https://localhost:5000%[path] code 307 if { path_beg /v2/team/app/blobs }
	http-request redirect location http://localhost:5000%[path] code 307 if { path_beg /v2/plain/ }
	http-request return status 503 if { path_beg /v2/broken/ }
	server registry 127.0.0.1:5000 ssl verify none
END
haproxy -db -f $work/front.cfg >>"$LOGS/front.log" 2>&1 &
# Each connection breaks after 40 reads of what the registry sends.
socat TCP-LISTEN:5004,bind=127.0.0.1,fork,reuseaddr SYSTEM:'socat - TCP\:127.0.0.1\:5000 | dd bs=64k count=40 status=none' 2>>"$LOGS/socat.log" &
# Takes connections and says nothing.
socat -u TCP-LISTEN:5005,bind=127.0.0.1,fork,reuseaddr OPEN:/dev/null 2>>"$LOGS/socat.log" &

roles_begin
runs 'the API comes up' until_true 20 serving
pull() { # REFERENCE [JSON]: sets PULL
	post /pulls "$(jq -cn --arg r "$1" --rawfile ca $work/ca.pem --argjson more "${2:-{\}}" '{reference: $r, ca: $ca} + $more')"
	PULL=$(field .id)
}
ended() { local_call GET "/pulls/$PULL" && [ "$(field .ended_at)" != null ]; }
pulled() { # REFERENCE WANTED TEXT [JSON]: "done DIGEST", "failed CODE" at its end
	local image
	pull "$1" "${4:-{\}}"
	[ "$STATUS" = 202 ] || diag "$STATUS $BODY"
	until_true 60 ended || diag 'it does not end'
	if [ "$(field .state)" = 'done' ]; then
		image=$(field .image)
		PULLED=$BODY
		local_call GET "/images/$image"
		is "done $(field .digest)" "$2" "$3"
	else
		is "$(field .state) $(field .error.code)" "$2" "$3"
		[ "$(field .state) $(field .error.code)" = "$2" ] || diag "$(field .error.message)"
	fi
}
drop() { local_call GET /images && local_call DELETE "/images/$(field '.items[0].id')"; }
no_puller() { ! pgrep -f '^bulkheadd pull$' >/dev/null; }

pulled localhost:5000/team/app:v1 "done $digest" 'an image is pulled; its digest is that of the manifest'
is "$(jq -r '"\(.name) \(.blobs)/\(.blobs_total)"' <<<"$PULLED")" 'team/app:v1 3/3' 'under its name there, and how much it was is told'
runs 'what the engine got is an OCI layout' tar -xf /data/imported -C "$(mkdir -p $work/got && echo $work/got)"
is "$(jq -r '.manifests[0].digest' $work/got/index.json)" "sha256:$digest" 'of this image'
is "$(cd $work/got/blobs/sha256 && sha256sum -- * | awk '$1 != $2' | wc -l) $(find $work/got/blobs -type f | wc -l)" '0 4' 'whole: manifest, config and two layers'
pulled localhost:5000/team/app:v1 "done $digest" 'once more: it is known'
local_call GET /images
is "$(field '.items | length')" 1 'and stays one image'
drop
pulled "localhost:5000/team/app@sha256:$digest" "done $digest" 'by digest' '{"name":"mine"}'
local_call GET /images
is "$(field '.items[0].name')" mine 'under a name of ours'
drop

# -- an index for several machines --
jq -cn --arg d "sha256:$digest" --argjson s "$(stat -c %s $work/manifest)" '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [
	{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $d, size: $s, platform: {os: "linux", architecture: "arm64"}},
	{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $d, size: $s, platform: {os: "linux", architecture: "amd64"}}]}' >$work/index
sed 's/"amd64"/"riscv64"/' $work/index >$work/index-other
registry_push https://localhost:5000/v2/team/app multi $work/index application/vnd.oci.image.index.v1+json >/dev/null
registry_push https://localhost:5000/v2/team/app other $work/index-other application/vnd.oci.image.index.v1+json >/dev/null
pulled localhost:5000/team/app:multi "done $digest" 'the index leads to the image for this machine'
drop
pulled localhost:5000/team/app:other 'failed not_found' 'one without an image for this machine'

# -- who may --
pulled localhost:5001/team/app:v1 'failed denied' 'a registry with a password: without'
pulled localhost:5001/team/app:v1 'failed denied' 'with a wrong one' '{"username":"alice","password":"wrong"}'
pulled localhost:5001/team/app:v1 "done $digest" 'with the right one' '{"username":"alice","password":"s3cr3t-pass"}'
drop
pulled localhost:5002/team/app:v1 'failed denied' 'a token service: without a user'
pulled localhost:5002/team/app:v1 "done $digest" 'with a user: its token opens the registry' '{"username":"alice","password":"s3cr3t-pass"}'
drop
refuses 'no password is in the state or in a log' grep -rqF s3cr3t-pass /data /run/bulkhead "$ROLES_LOG"

# -- what goes wrong on the way --
pulled localhost:5004/team/app:v1 "done $digest" 'connections that break: it goes on where it was'
drop
pulled localhost:5003/team/app:v1 "done $digest" 'redirects are followed'
drop
pulled localhost:5003/plain/app:v1 'failed bad_registry' 'but never to http'
pulled localhost:5000/team/app:none 'failed not_found' 'a tag that is not there'
pulled localhost:5000/nobody/app:v1 'failed not_found' 'a repository that is not there'
pulled "localhost:5000/team/app@sha256:$(printf '0%.0s' {1..64})" 'failed not_found' 'a digest that is not there'
pulled localhost:5009/team/app:v1 'failed unreachable' 'nobody listens'
pulled no-such-host.invalid/team/app:v1 'failed unreachable' 'a host that is not there'
post /pulls '{"reference":"localhost:5000/team/app:v1"}'
PULL=$(field .id)
runs 'a certificate that nobody vouches for' until_true 20 ended
ended
is "$(field .error.code)" bad_registry 'is refused'
like "$(field .error.message)" 'give its authority as ca' 'with what to do'
blob=$work/data/docker/registry/v2/blobs/sha256/$(sha256sum $work/two.tar.gz | awk '{ print substr($1, 1, 2) "/" $1 }')/data
cp "$blob" $work/saved
printf X | dd of="$blob" bs=1 seek=100000 conv=notrunc status=none
pulled localhost:5000/team/app:v1 'failed bad_image' 'a byte of a layer is another'
cp $work/saved "$blob"
local_call GET /images
is "$(field '.items | length')" 0 'none of them left an image'
runs 'nor a process' until_true 5 no_puller

# -- many, cancelled, killed --
pull localhost:5005/team/app:v1
first=$PULL
pull localhost:5005/team/app:v2
is "$STATUS $(field .state)" '202 pulling' 'two pulls for the host'
second=$PULL
pull localhost:5005/team/app:v3
is "$STATUS $(field .error.code)" '503 unavailable' 'a third has to wait'
puller=$(pgrep -f '^bulkheadd pull$' | head -n 1)
is "$(awk '/^Uid:/ { u = $2 } /^Gid:/ { g = $2 } /^CapEff:/ { c = $2 } /^Seccomp:/ { s = $2 } /^NoNewPrivs:/ { n = $2 } END { print u, g, c, s, n }' "/proc/$puller/status")" \
	'904 904 0000000000000000 2 1' 'the process that pulls is nobody else, with no capability and a filter'
local_call DELETE "/pulls/$first"
is "$STATUS" 204 'one is cancelled'
local_call GET "/pulls/$first"
is "$STATUS" 404 'and gone'
one_puller() { [ "$(pgrep -cf '^bulkheadd pull$')" = 1 ]; }
runs 'with its process' until_true 15 one_puller
pkill -9 -f '^bulkheadd pull$'
PULL=$second
runs 'the process of the other is killed' until_true 5 ended
ended
is "$(field .error.code)" interrupted 'which is told'
pull localhost:5005/team/app:v3
kill -9 "$(pid_of api)"
runs 'the API is killed' until_true 10 serving
local_call GET "/pulls/$PULL"
is "$(field .state) $(field .error.code)" 'failed interrupted' 'its pull is not lost but told to be cut'
runs 'and its process ends' until_true 15 no_puller
pull localhost:5005/team/app:v4
kill -9 "$(pid_of engine)"
runs 'the engine is killed: the pull ends' until_true 15 ended
ended
is "$(field .error.code)" interrupted 'as interrupted'
pulled localhost:5000/team/app:v1 "done $digest" 'and the next one works'
is "$(find /data/bulkhead/api/spool -mindepth 1 | wc -l)" 0 'nothing is left in the spool'

# -- bad input --
bad() { # FIELD JSON TEXT
	post /pulls "$2"
	is "$STATUS $(field .error.field)" "400 $1" "$3"
}
bad reference '{}' 'no reference'
bad reference '{"reference":"debian"}' 'nobody is the default registry'
bad reference '{"reference":"http://localhost/x"}' 'a URL is no reference'
bad reference '{"reference":"localhost/../x"}' 'a path out of the repository'
bad password '{"reference":"localhost/x","username":"u"}' 'a user without password'
bad username '{"reference":"localhost/x","password":"p"}' 'a password without user'
bad username '{"reference":"localhost/x","username":"a:b","password":"p"}' 'a user with a colon'
bad ca '{"reference":"localhost/x","ca":"nonsense"}' 'a ca that is no certificate'
bad name '{"reference":"localhost/x","name":"UP"}' 'a bad name'
bad name "{\"reference\":\"localhost/x:Upper\"}" 'a tag that makes no name of an image'
bad insecure '{"reference":"localhost/x","insecure":true}' 'an unknown key'
post /pulls '{"reference":"localhost/x","realm":"000000000000000000000000"}'
is "$STATUS $(field .error.field)" '404 realm' 'a realm that is not there'

roles_end
finish
