# shellcheck shell=bash disable=SC2034
# tests/lib/oci.sh - archives of images in layers, written as their specifications say, by nobody's tool.
#
#   oci_begin FOLDER              an image layout begins
#   oci_layer TAR [gzip|zstd]     the next layer; OCI_LAST: the digest of its blob
#   oci_end CONFIG                CONFIG: JSON of how to run it; OCI_DIGEST: of the manifest. OCI_ARCH changes the architecture, OCI_DIFFS the layers told
#   docker_begin, docker_layer, docker_end   the same as `docker save` writes it; DOCKER_DIGEST: of the config

blob_put() { # FILE: its digest
	local digest
	digest=$(sha256sum <"$1" | cut -c1-64)
	mv "$1" "$OCI/blobs/sha256/$digest"
	printf '%s' "$digest"
}

oci_begin() {
	OCI=$1 OCI_LAYERS='[]' OCI_DIFFS=()
	mkdir -p "$OCI/blobs/sha256"
	printf '{"imageLayoutVersion":"1.0.0"}' >"$OCI/oci-layout"
}

oci_layer() {
	OCI_DIFFS+=("$(sha256sum <"$1" | cut -c1-64)")
	case ${2:-} in
	'') cp "$1" "$OCI/new" ;;
	*) "$2" -c -q "$1" >"$OCI/new" ;;
	esac
	local size
	size=$(stat -c %s "$OCI/new")
	OCI_LAST=$(blob_put "$OCI/new")
	OCI_LAYERS=$(jq -c --arg d "sha256:$OCI_LAST" --argjson s "$size" --arg m "application/vnd.oci.image.layer.v1.tar${2:++$2}" \
		'. + [{mediaType: $m, digest: $d, size: $s}]' <<<"$OCI_LAYERS")
}

config_make() { # CONFIG FILE DIFF...
	local config=$1 file=$2
	shift 2
	printf '%s\n' "$@" | jq -Rsc --argjson run "$config" --arg arch "${OCI_ARCH:-amd64}" \
		'{os: "linux", architecture: $arch, created: "2026-01-01T00:00:00Z", config: $run,
		rootfs: {type: "layers", diff_ids: (split("\n") | map(select(. != "") | "sha256:" + .))}}' >"$file"
}

oci_end() {
	local size config
	config_make "$1" "$OCI/new" "${OCI_DIFFS[@]}"
	size=$(stat -c %s "$OCI/new")
	config=$(blob_put "$OCI/new")
	jq -nc --arg d "sha256:$config" --argjson s "$size" --argjson layers "$OCI_LAYERS" \
		'{schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
		config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: $d, size: $s}, layers: $layers}' >"$OCI/new"
	size=$(stat -c %s "$OCI/new")
	OCI_DIGEST=$(blob_put "$OCI/new")
	jq -nc --arg d "sha256:$OCI_DIGEST" --argjson s "$size" \
		'{schemaVersion: 2, manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $d, size: $s,
		platform: {os: "linux", architecture: "amd64"}}]}' >"$OCI/index.json"
}

docker_begin() {
	DOCKER=$1 DOCKER_LAYERS='[]' DOCKER_DIFFS=()
	mkdir -p "$DOCKER"
}

docker_layer() {
	local name="${#DOCKER_DIFFS[@]}/layer.tar"
	DOCKER_DIFFS+=("$(sha256sum <"$1" | cut -c1-64)")
	mkdir -p "$DOCKER/${name%/*}"
	case ${2:-} in
	'') cp "$1" "$DOCKER/$name" ;;
	*) "$2" -c -q "$1" >"$DOCKER/$name" ;;
	esac
	DOCKER_LAYERS=$(jq -c --arg n "$name" '. + [$n]' <<<"$DOCKER_LAYERS")
}

docker_end() {
	config_make "$1" "$DOCKER/new" "${DOCKER_DIFFS[@]}"
	DOCKER_DIGEST=$(sha256sum <"$DOCKER/new" | cut -c1-64)
	mv "$DOCKER/new" "$DOCKER/$DOCKER_DIGEST.json"
	jq -nc --arg c "$DOCKER_DIGEST.json" --argjson l "$DOCKER_LAYERS" '[{Config: $c, RepoTags: ["test:latest"], Layers: $l}]' >"$DOCKER/manifest.json"
}
