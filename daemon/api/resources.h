/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * resources: the handlers of the route table, one file per resource.
 */
#ifndef BULKHEAD_RESOURCES_H
#define BULKHEAD_RESOURCES_H

#include "daemon/api/request.h"

request_handler host_show, host_access, host_access_set, host_access_confirm, openapi_show;
request_handler tokens_list, tokens_create, tokens_show, tokens_delete;
request_handler realms_list, realms_create, realms_show, realms_change, realms_compact, realms_delete;
request_handler projects_list, projects_create, projects_show, projects_delete;
request_handler images_list, images_create_head, images_create, images_show, images_delete;
request_handler pulls_list, pulls_create, pulls_show, pulls_delete;
request_handler containers_list, containers_create, containers_show, containers_delete, containers_start,
	containers_stop, containers_restart, containers_freeze, containers_unfreeze, containers_console, containers_merging,
	containers_usage, containers_change;
request_handler metrics_show, identity_jwks;
request_handler host_audit, host_audit_change, host_audit_records, host_audit_export, host_audit_statistics, host_audit_verify, host_audit_tail;
request_handler realms_audit, realms_audit_change, realms_audit_records, realms_audit_export, realms_audit_statistics, realms_audit_verify, realms_audit_tail;
request_handler exec_run, sessions_attach, containers_copy, containers_export, snapshots_export;
request_handler snapshots_list, snapshots_create, snapshots_show, snapshots_delete, snapshots_restore;
request_handler realms_permissions, realms_permissions_set, realms_permissions_change, realms_permissions_delete, projects_permissions, projects_permissions_set,
	projects_permissions_change, projects_permissions_delete, containers_permissions, containers_permissions_set, containers_permissions_change, containers_permissions_delete;
request_handler realms_firewall, realms_firewall_set, projects_firewall, projects_firewall_set, containers_firewall,
	containers_firewall_set, containers_firewall_effective, containers_firewall_test;
request_handler address_sets_list, address_sets_create, address_sets_show, address_sets_change, address_sets_delete,
	address_sets_addresses, address_sets_addresses_head, address_sets_addresses_set;
request_handler host_certificate, host_certificate_set;
request_handler aliases_list, aliases_create, aliases_show, aliases_change, aliases_delete;
request_handler files_show, files_put_head, files_put, files_delete;

/*
 * For lists and single rows: callers see what is in their realms. column names
 * the row's realm; the statement binds the caller's platform flag (i) and key
 * (s, twice) right there. The key is its token, whose realms are looked up; or the realm that it has asked for by the host name, and has
 * a right to: ids are never both.
 */
static inline const char *caller_key(const struct caller *caller)
{
	return caller->realm[0] != '\0' ? caller->realm : caller->token;
}

#define SCOPE_SQL(column) " (? OR " column " = ? OR " column " IN (SELECT realm FROM token_realms WHERE token = ?)) "
#define SCOPE_TYPES "iss"
#define SCOPE_OF(caller) (int64_t)(caller)->platform, caller_key(caller), caller_key(caller)
#define SCOPE_VALUES(request) SCOPE_OF(&(request)->caller)

#endif
