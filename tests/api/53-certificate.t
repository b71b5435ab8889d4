#!/bin/bash
# The certificate of all URLs: the host's own at first, then one that is put, by API and by the operator's binary; connections that stand go on; it is there after
# HAProxy was killed and after a reboot; what does not fit is refused and changes nothing.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin
W=$LOGS/tls
mkdir -p "$W"

shown() { # the fingerprint of what a client is shown, as the API has it
	openssl s_client -connect "127.0.0.1:$PORT_HTTPS" -servername "api.$DOMAIN" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr A-F a-f
}
# A chain: a root, an authority below it, certificates of that.
cd "$W"
key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" 2>/dev/null; }
key root
openssl req -x509 -new -key root.key -subj '/CN=Test Root' -days 30 -out root.pem
key middle
openssl req -new -key middle.key -subj '/CN=Test Authority' | openssl x509 -req -CA root.pem -CAkey root.key -days 30 -out middle.pem -extfile <(printf 'basicConstraints=critical,CA:TRUE\n') 2>/dev/null
leaf() { # NAME NAMES [UNTIL]
	[ -e "$1.key" ] || key "$1"
	openssl req -new -key "$1.key" -subj "/CN=$1" | openssl x509 -req -CA middle.pem -CAkey middle.key -not_before 20200101000000Z -not_after "${3:-20490101000000Z}" -out "$1.own" -extfile <(printf 'subjectAltName=%s\n' "$2") 2>/dev/null
	cat "$1.own" middle.pem >"$1.pem"
}
leaf good "DNS:*.$DOMAIN,DNS:$DOMAIN"
leaf next "DNS:*.$DOMAIN"
leaf elsewhere "DNS:*.example.com"
leaf old "DNS:*.$DOMAIN" 20210101000000Z
openssl genrsa -out small.key 1024 2>/dev/null
leaf small "DNS:*.$DOMAIN"
openssl ec -in good.key -aes256 -passout pass:secret -out locked.key 2>/dev/null
cat good.own root.pem >gap.pem
sed 's/^[A-Za-z0-9]\{10\}/AAAAAAAAAA/' good.own >damaged.pem
for n in 1 2 3 4 5 6 7 8 9; do cat root.pem; done >long.pem
cd - >/dev/null
put() { # CHAIN KEY
	jq -n --rawfile certificate "$W/$1" --rawfile key "$W/$2" '{certificate: $certificate, key: $key}' >"$W/request"
	api PUT /host/certificate -H 'Content-Type: application/json' --data-binary "@$W/request"
}

api GET /host/certificate
answers 200 'a certificate is there from the start'
first=$(field .fingerprint)
is "$first" "$(shown)" 'the one that clients see'
is "$(field '.names | join(" ")')" "$DOMAIN *.$DOMAIN *.api.$DOMAIN" 'for the domain and what is below it'
refuses 'no key is told' grep -q PRIVATE <<<"$BODY"

# -- one that is put --
lab_start secured
box=$LAB box_url=$LAB_URL
runs 'a container' wait_until 60 lab_up
lab 'mkdir -p /srv/www/cgi-bin; printf "#!/bin/sh\nprintf \"Content-Type: text/plain\\r\\n\\r\\n\"; i=0; while [ \$i -lt 200 ]; do echo \$i; i=\$((i + 1)); sleep 0.2; done" >/srv/www/cgi-bin/slow; chmod 755 /srv/www/cgi-bin/slow' >/dev/null
curl -skN --max-time 60 --connect-to "::127.0.0.1:$PORT_HTTPS" "${box_url}cgi-bin/slow" >"$W/slow" 2>/dev/null </dev/null &
slow=$!
lines() { [ "$(wc -l <"$W/slow")" -gt "$1" ]; }
runs 'a download is under way' wait_until 30 lines 2
put good.pem good.key
answers 200 'another certificate'
good=$(field .fingerprint)
is "$(field .subject)" CN=good 'is told'
is "$(shown)" "$good" 'and shown when it is answered'
is "$(curl -s --max-time 30 --cacert "$W/root.pem" --connect-to "::127.0.0.1:$PORT_HTTPS" -o /dev/null -w '%{http_code}' "$box_url")" 200 'a client that knows its root alone trusts it'
is "$(curl -s --http3-only --max-time 30 --cacert "$W/root.pem" --connect-to "::127.0.0.1:$PORT_HTTPS" -o /dev/null -w '%{http_code}' "$box_url")" 200 'by HTTP/3, too'
before=$(wc -l <"$W/slow")
runs 'the download goes on' wait_until 20 lines $((before + 3))
kill "$slow" 2>/dev/null || true
is "$(admin_ssh certificate </dev/null 2>/dev/null | openssl x509 -noout -subject)" 'subject=CN=good' 'SSH tells it'
admin_ssh restart proxy </dev/null >/dev/null 2>&1 || true
runs 'HAProxy is killed' wait_until 60 web_up "$box_url"
is "$(shown)" "$good" 'it shows it again'

# -- what does not fit --
bad() { # CHAIN KEY FIELD TEXT
	put "$1" "$2"
	refused 400 invalid "$3" "$4"
}
bad elsewhere.pem elsewhere.key certificate 'for another name'
bad old.pem old.key certificate 'expired'
bad small.pem small.key key 'a key of 1024 bits'
bad good.pem next.key key "another one's key"
bad good.pem locked.key key 'a key with a passphrase'
bad good.pem good.pem key 'no key'
bad good.key good.key certificate 'no certificate'
bad gap.pem good.key certificate 'a chain with a gap'
bad damaged.pem good.key certificate 'a damaged one'
bad long.pem root.key certificate 'nine'
api_json PUT /host/certificate '{"certificate":"x"}'
refused 400 invalid key 'without a key'
api_json PUT /host/certificate '{"certificate":"x","key":"y","chain":"z"}'
refused 400 invalid chain 'an unknown word'
api_json POST /tokens '{"role":"operator"}'
admin=$TOKEN TOKEN=$(field .token)
put next.pem next.key
refused 403 forbidden - 'of an operator'
TOKEN=$admin
api_json POST /tokens "{\"role\":\"admin\",\"realms\":[\"$REALM\"]}"
TOKEN=$(field .token)
put next.pem next.key
refused 403 forbidden - "of a realm's admin"
TOKEN=$admin
is "$(shown)" "$good" 'none of them changed anything'
refuses 'no key is in any log' grep -qaF "$(sed -n 2p "$W/good.key")" "$M/console.log"

# -- another one, while the gate is killed --
admin_ssh restart gate </dev/null >/dev/null 2>&1 || true
taken() { put next.pem next.key && [ "$STATUS" = 200 ]; }
runs 'a killed gate, and then the next one' wait_until 30 taken
api GET /host/certificate
is "$(field .subject) $(shown)" "CN=next $(field .fingerprint)" 'is shown'
cli() { "$O/bin/bulkhead" --server "https://api.$DOMAIN" --connect "127.0.0.1:$PORT_HTTPS" --insecure --token-file "$M/token" "$@"; }
runs "the operator's binary puts one" cli host certificate "$W/good.pem" "$W/good.key"
is "$(shown)" "$good" 'which is shown'
refuses 'and not one without its key' cli host certificate "$W/good.pem" "$W/next.key"
container_gone "$box"
finish
