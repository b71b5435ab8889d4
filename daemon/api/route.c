/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/route.h"

#include <stdio.h>
#include <string.h>

#include "daemon/api/resources.h"

#define V1 "/api/v1/"
#define PAGE " limit after "
#define FILTERS " since until kind project container service request client method host path status identity decision rule text "

const struct api_route api_routes[] = {
	{ METHOD_GET, V1 "openapi.yaml", CALLER_READER, true, false, ROUTE_BODY_NONE, "", openapi_show },
	{ METHOD_GET, V1 "identity/keys", CALLER_READER, true, false, ROUTE_BODY_NONE, "", identity_jwks },
	{ METHOD_GET, V1 "metrics", CALLER_READER, false, false, ROUTE_BODY_NONE, "", metrics_show },
	{ METHOD_GET, V1 "host", CALLER_READER, false, true, ROUTE_BODY_NONE, "", host_show },
	{ METHOD_GET, V1 "host/certificate", CALLER_READER, false, true, ROUTE_BODY_NONE, "", host_certificate },
	{ METHOD_PUT, V1 "host/certificate", CALLER_ADMIN, false, true, ROUTE_BODY_JSON, "", host_certificate_set },
	{ METHOD_GET, V1 "host/access", CALLER_READER, false, true, ROUTE_BODY_NONE, "", host_access },
	{ METHOD_PUT, V1 "host/access", CALLER_ADMIN, false, true, ROUTE_BODY_JSON, " revert_after force ", host_access_set },
	{ METHOD_POST, V1 "host/access/confirm", CALLER_ADMIN, false, true, ROUTE_BODY_NONE, "", host_access_confirm },

	{ METHOD_GET, V1 "host/audit", CALLER_READER, false, true, ROUTE_BODY_NONE, "", host_audit },
	{ METHOD_PATCH, V1 "host/audit", CALLER_ADMIN, false, true, ROUTE_BODY_JSON, "", host_audit_change },
	{ METHOD_GET, V1 "host/audit/records", CALLER_OPERATOR, false, true, ROUTE_BODY_NONE, " limit before after order " FILTERS, host_audit_records },
	{ METHOD_GET, V1 "host/audit/export", CALLER_OPERATOR, false, true, ROUTE_BODY_NONE, PAGE FILTERS, host_audit_export },
	{ METHOD_GET, V1 "host/audit/statistics", CALLER_OPERATOR, false, true, ROUTE_BODY_NONE, " by top " FILTERS, host_audit_statistics },
	{ METHOD_GET, V1 "host/audit/verify", CALLER_OPERATOR, false, true, ROUTE_BODY_NONE, " seq chain ", host_audit_verify },
	{ METHOD_GET, V1 "host/audit/tail", CALLER_OPERATOR, false, true, ROUTE_BODY_NONE, FILTERS, host_audit_tail },

	{ METHOD_GET, V1 "tokens", CALLER_ADMIN, false, false, ROUTE_BODY_NONE, PAGE, tokens_list },
	{ METHOD_POST, V1 "tokens", CALLER_ADMIN, false, false, ROUTE_BODY_JSON, "", tokens_create },
	{ METHOD_GET, V1 "tokens/*", CALLER_ADMIN, false, false, ROUTE_BODY_NONE, "", tokens_show },
	{ METHOD_DELETE, V1 "tokens/*", CALLER_ADMIN, false, false, ROUTE_BODY_NONE, "", tokens_delete },

	{ METHOD_GET, V1 "realms", CALLER_READER, false, false, ROUTE_BODY_NONE, PAGE, realms_list },
	{ METHOD_POST, V1 "realms", CALLER_ADMIN, false, true, ROUTE_BODY_JSON, "", realms_create },
	{ METHOD_GET, V1 "realms/*", CALLER_READER, false, false, ROUTE_BODY_NONE, "", realms_show },
	{ METHOD_PATCH, V1 "realms/*", CALLER_ADMIN, false, true, ROUTE_BODY_JSON, "", realms_change },
	{ METHOD_POST, V1 "realms/*/compact", CALLER_OPERATOR, false, false, ROUTE_BODY_JSON, "", realms_compact },
	{ METHOD_GET, V1 "realms/*/firewall", CALLER_READER, false, false, ROUTE_BODY_NONE, "", realms_firewall },
	{ METHOD_PUT, V1 "realms/*/firewall", CALLER_ADMIN, false, false, ROUTE_BODY_JSON, "", realms_firewall_set },
	{ METHOD_GET, V1 "realms/*/proxy/permissions", CALLER_READER, false, false, ROUTE_BODY_NONE, "", realms_permissions },
	{ METHOD_PUT, V1 "realms/*/proxy/permissions", CALLER_ADMIN, false, false, ROUTE_BODY_JSON, "", realms_permissions_set },
	{ METHOD_PATCH, V1 "realms/*/proxy/permissions", CALLER_ADMIN, false, false, ROUTE_BODY_JSON, "", realms_permissions_change },
	{ METHOD_DELETE, V1 "realms/*/proxy/permissions", CALLER_ADMIN, false, false, ROUTE_BODY_NONE, "", realms_permissions_delete },
	{ METHOD_GET, V1 "realms/*/audit", CALLER_READER, false, false, ROUTE_BODY_NONE, "", realms_audit },
	{ METHOD_PATCH, V1 "realms/*/audit", CALLER_ADMIN, false, false, ROUTE_BODY_JSON, "", realms_audit_change },
	{ METHOD_GET, V1 "realms/*/audit/records", CALLER_OPERATOR, false, false, ROUTE_BODY_NONE, " limit before after order " FILTERS, realms_audit_records },
	{ METHOD_GET, V1 "realms/*/audit/export", CALLER_OPERATOR, false, false, ROUTE_BODY_NONE, PAGE FILTERS, realms_audit_export },
	{ METHOD_GET, V1 "realms/*/audit/statistics", CALLER_OPERATOR, false, false, ROUTE_BODY_NONE, " by top " FILTERS, realms_audit_statistics },
	{ METHOD_GET, V1 "realms/*/audit/verify", CALLER_OPERATOR, false, false, ROUTE_BODY_NONE, " seq chain ", realms_audit_verify },
	{ METHOD_GET, V1 "realms/*/audit/tail", CALLER_OPERATOR, false, false, ROUTE_BODY_NONE, FILTERS, realms_audit_tail },
	{ METHOD_DELETE, V1 "realms/*", CALLER_ADMIN, false, true, ROUTE_BODY_NONE, "", realms_delete },

	{ METHOD_GET, V1 "address-sets", CALLER_READER, false, false, ROUTE_BODY_NONE, PAGE " realm ", address_sets_list },
	{ METHOD_POST, V1 "address-sets", CALLER_ADMIN, false, false, ROUTE_BODY_JSON, "", address_sets_create },
	{ METHOD_GET, V1 "address-sets/*", CALLER_READER, false, false, ROUTE_BODY_NONE, "", address_sets_show },
	{ METHOD_PATCH, V1 "address-sets/*", CALLER_ADMIN, false, false, ROUTE_BODY_JSON, "", address_sets_change },
	{ METHOD_GET, V1 "address-sets/*/addresses", CALLER_READER, false, false, ROUTE_BODY_NONE, "", address_sets_addresses },
	{ METHOD_PUT, V1 "address-sets/*/addresses", CALLER_ADMIN, false, false, ROUTE_BODY_FILE, "", address_sets_addresses_set,
	  address_sets_addresses_head },
	{ METHOD_DELETE, V1 "address-sets/*", CALLER_ADMIN, false, false, ROUTE_BODY_NONE, "", address_sets_delete },

	{ METHOD_GET, V1 "aliases", CALLER_READER, false, false, ROUTE_BODY_NONE, PAGE " realm project container ", aliases_list },
	{ METHOD_POST, V1 "aliases", CALLER_OPERATOR, false, false, ROUTE_BODY_JSON, "", aliases_create },
	{ METHOD_GET, V1 "aliases/*", CALLER_READER, false, false, ROUTE_BODY_NONE, "", aliases_show },
	{ METHOD_PATCH, V1 "aliases/*", CALLER_OPERATOR, false, false, ROUTE_BODY_JSON, "", aliases_change },
	{ METHOD_DELETE, V1 "aliases/*", CALLER_OPERATOR, false, false, ROUTE_BODY_NONE, "", aliases_delete },

	{ METHOD_GET, V1 "projects", CALLER_READER, false, false, ROUTE_BODY_NONE, PAGE " realm ", projects_list },
	{ METHOD_POST, V1 "projects", CALLER_OPERATOR, false, false, ROUTE_BODY_JSON, "", projects_create },
	{ METHOD_GET, V1 "projects/*", CALLER_READER, false, false, ROUTE_BODY_NONE, "", projects_show },
	{ METHOD_GET, V1 "projects/*/firewall", CALLER_READER, false, false, ROUTE_BODY_NONE, "", projects_firewall },
	{ METHOD_PUT, V1 "projects/*/firewall", CALLER_OPERATOR, false, false, ROUTE_BODY_JSON, "", projects_firewall_set },
	{ METHOD_GET, V1 "projects/*/proxy/permissions", CALLER_READER, false, false, ROUTE_BODY_NONE, "", projects_permissions },
	{ METHOD_PUT, V1 "projects/*/proxy/permissions", CALLER_OPERATOR, false, false, ROUTE_BODY_JSON, "", projects_permissions_set },
	{ METHOD_PATCH, V1 "projects/*/proxy/permissions", CALLER_OPERATOR, false, false, ROUTE_BODY_JSON, "", projects_permissions_change },
	{ METHOD_DELETE, V1 "projects/*/proxy/permissions", CALLER_OPERATOR, false, false, ROUTE_BODY_NONE, "", projects_permissions_delete },
	{ METHOD_DELETE, V1 "projects/*", CALLER_OPERATOR, false, false, ROUTE_BODY_NONE, "", projects_delete },

	{ METHOD_GET, V1 "images", CALLER_READER, false, false, ROUTE_BODY_NONE, PAGE, images_list },
	{ METHOD_POST, V1 "images", CALLER_OPERATOR, false, false, ROUTE_BODY_ARCHIVE, " name realm ", images_create,
	  images_create_head },
	{ METHOD_GET, V1 "images/*", CALLER_READER, false, false, ROUTE_BODY_NONE, "", images_show },
	{ METHOD_DELETE, V1 "images/*", CALLER_OPERATOR, false, false, ROUTE_BODY_NONE, "", images_delete },

	{ METHOD_GET, V1 "pulls", CALLER_READER, false, false, ROUTE_BODY_NONE, PAGE, pulls_list },
	{ METHOD_POST, V1 "pulls", CALLER_OPERATOR, false, false, ROUTE_BODY_JSON, "", pulls_create },
	{ METHOD_GET, V1 "pulls/*", CALLER_READER, false, false, ROUTE_BODY_NONE, "", pulls_show },
	{ METHOD_DELETE, V1 "pulls/*", CALLER_OPERATOR, false, false, ROUTE_BODY_NONE, "", pulls_delete },

	{ METHOD_GET, V1 "containers", CALLER_READER, false, false, ROUTE_BODY_NONE, PAGE " project realm label ",
	  containers_list },
	{ METHOD_POST, V1 "containers", CALLER_OPERATOR, false, false, ROUTE_BODY_JSON, " wait ", containers_create },
	{ METHOD_GET, V1 "containers/*", CALLER_READER, false, false, ROUTE_BODY_NONE, "", containers_show },
	{ METHOD_PATCH, V1 "containers/*", CALLER_OPERATOR, false, false, ROUTE_BODY_JSON, "", containers_change },
	{ METHOD_GET, V1 "containers/*/firewall", CALLER_READER, false, false, ROUTE_BODY_NONE, "", containers_firewall },
	{ METHOD_PUT, V1 "containers/*/firewall", CALLER_OPERATOR, false, false, ROUTE_BODY_JSON, "", containers_firewall_set },
	{ METHOD_GET, V1 "containers/*/proxy/permissions", CALLER_READER, false, false, ROUTE_BODY_NONE, "", containers_permissions },
	{ METHOD_PUT, V1 "containers/*/proxy/permissions", CALLER_OPERATOR, false, false, ROUTE_BODY_JSON, "", containers_permissions_set },
	{ METHOD_PATCH, V1 "containers/*/proxy/permissions", CALLER_OPERATOR, false, false, ROUTE_BODY_JSON, "", containers_permissions_change },
	{ METHOD_DELETE, V1 "containers/*/proxy/permissions", CALLER_OPERATOR, false, false, ROUTE_BODY_NONE, "", containers_permissions_delete },
	{ METHOD_GET, V1 "containers/*/firewall/effective", CALLER_READER, false, false, ROUTE_BODY_NONE, "",
	  containers_firewall_effective },
	{ METHOD_GET, V1 "containers/*/firewall/test", CALLER_READER, false, false, ROUTE_BODY_NONE,
	  " direction protocol address container port ", containers_firewall_test },
	{ METHOD_DELETE, V1 "containers/*", CALLER_OPERATOR, false, false, ROUTE_BODY_NONE, "", containers_delete },
	{ METHOD_POST, V1 "containers/*/start", CALLER_OPERATOR, false, false, ROUTE_BODY_NONE, " wait ",
	  containers_start },
	{ METHOD_POST, V1 "containers/*/stop", CALLER_OPERATOR, false, false, ROUTE_BODY_NONE, " timeout ",
	  containers_stop },
	{ METHOD_POST, V1 "containers/*/exec", CALLER_OPERATOR, false, false, ROUTE_BODY_JSON, "", exec_run },
	{ METHOD_GET, V1 "sessions/*", CALLER_OPERATOR, false, false, ROUTE_BODY_NONE, "", sessions_attach },
	{ METHOD_GET, V1 "containers/*/usage", CALLER_READER, false, false, ROUTE_BODY_NONE, "", containers_usage },
	{ METHOD_GET, V1 "containers/*/merging", CALLER_READER, false, false, ROUTE_BODY_NONE, "", containers_merging },
	{ METHOD_POST, V1 "containers/*/restart", CALLER_OPERATOR, false, false, ROUTE_BODY_NONE, " timeout ",
	  containers_restart },
	{ METHOD_POST, V1 "containers/*/freeze", CALLER_OPERATOR, false, false, ROUTE_BODY_NONE, "", containers_freeze },
	{ METHOD_POST, V1 "containers/*/unfreeze", CALLER_OPERATOR, false, false, ROUTE_BODY_NONE, "",
	  containers_unfreeze },
	{ METHOD_POST, V1 "containers/*/copy", CALLER_OPERATOR, false, false, ROUTE_BODY_JSON, "", containers_copy },
	{ METHOD_GET, V1 "containers/*/export", CALLER_OPERATOR, false, false, ROUTE_BODY_NONE, "", containers_export },
	{ METHOD_GET, V1 "snapshots/*/export", CALLER_OPERATOR, false, false, ROUTE_BODY_NONE, "", snapshots_export },
	{ METHOD_GET, V1 "containers/*/snapshots", CALLER_READER, false, false, ROUTE_BODY_NONE, PAGE, snapshots_list },
	{ METHOD_POST, V1 "containers/*/snapshots", CALLER_OPERATOR, false, false, ROUTE_BODY_JSON, "", snapshots_create },
	{ METHOD_GET, V1 "snapshots/*", CALLER_READER, false, false, ROUTE_BODY_NONE, "", snapshots_show },
	{ METHOD_DELETE, V1 "snapshots/*", CALLER_OPERATOR, false, false, ROUTE_BODY_NONE, "", snapshots_delete },
	{ METHOD_POST, V1 "snapshots/*/restore", CALLER_OPERATOR, false, false, ROUTE_BODY_NONE, "", snapshots_restore },
	{ METHOD_GET, V1 "containers/*/files", CALLER_OPERATOR, false, false, ROUTE_BODY_NONE, " path ", files_show },
	{ METHOD_PUT, V1 "containers/*/files", CALLER_OPERATOR, false, false, ROUTE_BODY_FILE, " path mode uid gid type ",
	  files_put, files_put_head },
	{ METHOD_DELETE, V1 "containers/*/files", CALLER_OPERATOR, false, false, ROUTE_BODY_NONE, " path ", files_delete },
	{ METHOD_GET, V1 "containers/*/console", CALLER_READER, false, false, ROUTE_BODY_NONE, "", containers_console },
};

const size_t api_route_count = sizeof api_routes / sizeof api_routes[0];

bool route_match(const char *pattern, const char *path, char *ret_id, size_t id_room)
{
	while (*pattern != '\0') {
		if (*pattern != '*') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		size_t size = strcspn(path, "/");
		if (size == 0 || size >= id_room)
			return false;
		memcpy(ret_id, path, size);
		ret_id[size] = '\0';
		path += size;
		pattern++;
	}
	return *path == '\0';
}

const struct api_route *route_find(const char *path, enum method method, char *ret_id, size_t id_room,
				   unsigned int *ret_methods)
{
	*ret_methods = 0;
	for (size_t i = 0; i < api_route_count; i++) {
		if (!route_match(api_routes[i].pattern, path, ret_id, id_room))
			continue;
		if (api_routes[i].method == method)
			return &api_routes[i];
		*ret_methods |= api_routes[i].method;
	}
	return NULL;
}

void route_allow(unsigned int methods, char text[ROUTE_ALLOW_TEXT])
{
	static const char *const names[] = { "GET, HEAD", "POST", "DELETE", "PATCH", "PUT" };
	size_t size = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if ((methods >> i & 1) != 0)
			size += (size_t)snprintf(text + size, ROUTE_ALLOW_TEXT - size, "%s%s", size > 0 ? ", " : "", names[i]);
}

bool route_query_known(const struct api_route *route, const char *key)
{
	size_t size = strlen(key);

	if (size == 0 || strchr(key, ' ') != NULL)
		return false;
	for (const char *at = route->query; (at = strstr(at, key)) != NULL; at++)
		if (at > route->query && at[-1] == ' ' && at[size] == ' ')
			return true;
	return false;
}
