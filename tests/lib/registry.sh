# shellcheck shell=bash disable=SC2034
# tests/lib/registry.sh - Debian's docker-registry on loopback, and images in it. After tap.sh.
#
#   registry_certificate FOLDER NAME...     FOLDER/ca.pem, one certificate of all names and addresses (DNS:..., IP:...)
#   registry_start FOLDER PORT [HTPASSWD]   serves FOLDER/data over TLS; REGISTRY_PID
#   registry_blob URL FILE [CURL...]        uploads it; prints its digest (sha256:...)
#   registry_config DIFF_ID...              an image's config for layers of these digests
#   registry_manifest CONFIG LAYER...       a manifest of files, lowest first
#   registry_push URL TAG FILE TYPE [CURL...]   uploads a manifest or index; prints its digest

registry_certificate() { # FOLDER NAME...
	local folder=$1 names
	shift
	names=$(IFS=,; echo "$*")
	mkdir -p "$folder"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=registry -addext "subjectAltName=$names" \
		-keyout "$folder/key.pem" -out "$folder/ca.pem" 2>>"$LOGS/registry.log"
	cat "$folder/key.pem" "$folder/ca.pem" >"$folder/both.pem"
}

registry_start() { # FOLDER PORT [HTPASSWD]
	local folder=$1 port=$2 end
	mkdir -p "$folder/data"
	{
		printf 'version: 0.1\nlog: { level: warn }\nstorage:\n  filesystem: { rootdirectory: %s }\n  delete: { enabled: true }\n' "$folder/data"
		printf 'http:\n  addr: 127.0.0.1:%s\n  tls: { certificate: %s, key: %s }\n' "$port" "$folder/ca.pem" "$folder/key.pem"
		[ $# -lt 3 ] || printf 'auth:\n  htpasswd: { realm: tests, path: %s }\n' "$3"
	} >"$folder/config-$port.yml"
	docker-registry serve "$folder/config-$port.yml" >>"$LOGS/registry.log" 2>&1 &
	REGISTRY_PID=$!
	end=$((SECONDS + 30))
	until curl -sk -o /dev/null "https://127.0.0.1:$port/v2/"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.2
	done
}

registry_blob() { # URL FILE [CURL...]
	local url=$1 file=$2 digest place
	shift 2
	digest=sha256:$(sha256sum "$file" | cut -d' ' -f1)
	place=$(curl -sk -X POST -D - -o /dev/null "$@" "$url/blobs/uploads/" | tr -d '\r' | awk 'tolower($1) == "location:" { print $2 }')
	curl -sfk -o /dev/null -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$file" "$@" "$place&digest=$digest" || return 1
	echo "$digest"
}

registry_config() { # DIFF_ID...
	jq -cn '{architecture: "amd64", os: "linux", config: {Env: ["PULLED=yes"], Cmd: ["/bin/sh"]}, rootfs: {type: "layers", diff_ids: $ARGS.positional}}' --args "$@"
}

registry_manifest() { # CONFIG LAYER...
	local config=$1 layer media=application/vnd.oci.image
	shift
	for layer in "$@"; do
		printf '%s %s\n' "$(sha256sum "$layer" | cut -d' ' -f1)" "$(stat -c %s "$layer")"
	done | jq -cRn --arg m "$media" --arg d "$(sha256sum "$config" | cut -d' ' -f1)" --argjson s "$(stat -c %s "$config")" '
		{schemaVersion: 2, mediaType: ($m + ".manifest.v1+json"),
		config: {mediaType: ($m + ".config.v1+json"), digest: ("sha256:" + $d), size: $s},
		layers: [inputs | split(" ") | {mediaType: ($m + ".layer.v1.tar+gzip"), digest: ("sha256:" + .[0]), size: (.[1] | tonumber)}]}'
}

registry_push() { # URL TAG FILE TYPE [CURL...]
	local url=$1 tag=$2 file=$3 type=$4
	shift 4
	curl -sfk -o /dev/null -X PUT -H "Content-Type: $type" --data-binary "@$file" "$@" "$url/manifests/$tag" || return 1
	echo "sha256:$(sha256sum "$file" | cut -d' ' -f1)"
}
