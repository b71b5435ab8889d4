/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/gate/spop.h"

#include <string.h>

enum wire_type {
	WIRE_NULL, WIRE_BOOLEAN, WIRE_INT32, WIRE_UINT32, WIRE_INT64, WIRE_UINT64, WIRE_IPV4, WIRE_IPV6, WIRE_STRING, WIRE_BINARY,
};

enum { TYPE_MASK = 0x0f, FLAG_TRUE = 0x10, ACTION_SET_VAR = 1, SCOPE_TRANSACTION = 2, SET_VAR_ARGUMENTS = 3 };

static bool bytes_read(struct spop_reader *reader, size_t size, const uint8_t **ret_bytes)
{
	if ((size_t)(reader->end - reader->at) < size)
		return false;
	*ret_bytes = reader->at;
	reader->at += size;
	return true;
}

bool spop_read_byte(struct spop_reader *reader, uint8_t *ret_byte)
{
	const uint8_t *byte;

	if (!bytes_read(reader, 1, &byte))
		return false;
	*ret_byte = *byte;
	return true;
}

/* SPOE.txt, 3.1: below 240 one byte; else 4 bits of it, and then 7 with each byte. */
static bool number_read(struct spop_reader *reader, uint64_t *ret_number)
{
	uint8_t byte;
	unsigned shift = 4;

	if (!spop_read_byte(reader, &byte))
		return false;
	uint64_t number = byte;
	if (byte >= 240) {
		do {
			if (shift > 60 || !spop_read_byte(reader, &byte))
				return false;
			number += (uint64_t)byte << shift;
			shift += 7;
		} while (byte >= 128);
	}
	*ret_number = number;
	return true;
}

static bool text_read(struct spop_reader *reader, const uint8_t **ret_bytes, size_t *ret_size)
{
	uint64_t size;

	if (!number_read(reader, &size) || size > SPOP_FRAME_MAX || !bytes_read(reader, (size_t)size, ret_bytes))
		return false;
	*ret_size = (size_t)size;
	return true;
}

bool spop_read_name(struct spop_reader *reader, const char **ret_name, size_t *ret_size)
{
	const uint8_t *bytes;

	if (!text_read(reader, &bytes, ret_size))
		return false;
	*ret_name = (const char *)bytes;
	return true;
}

bool spop_read_value(struct spop_reader *reader, struct spop_value *ret_value)
{
	uint8_t type;

	*ret_value = (struct spop_value){ 0 };
	if (!spop_read_byte(reader, &type))
		return false;
	switch (type & TYPE_MASK) {
	case WIRE_NULL:
		return true;
	case WIRE_BOOLEAN:
		ret_value->kind = SPOP_BOOLEAN;
		ret_value->boolean = (type & FLAG_TRUE) != 0;
		return true;
	case WIRE_INT32:
	case WIRE_UINT32:
	case WIRE_INT64:
	case WIRE_UINT64:
		ret_value->kind = SPOP_NUMBER;
		return number_read(reader, &ret_value->number);
	case WIRE_IPV4:
	case WIRE_IPV6:
		ret_value->kind = (type & TYPE_MASK) == WIRE_IPV4 ? SPOP_IPV4 : SPOP_IPV6;
		ret_value->size = ret_value->kind == SPOP_IPV4 ? 4 : 16;
		return bytes_read(reader, ret_value->size, &ret_value->bytes);
	case WIRE_STRING:
	case WIRE_BINARY:
		ret_value->kind = SPOP_STRING;
		return text_read(reader, &ret_value->bytes, &ret_value->size);
	default:
		return false;
	}
}

bool spop_frame_read(const uint8_t *bytes, size_t size, struct spop_frame *ret_frame)
{
	struct spop_reader reader = { bytes, bytes + size };
	const uint8_t *flags;

	if (!spop_read_byte(&reader, &ret_frame->type) || !bytes_read(&reader, 4, &flags) || !number_read(&reader, &ret_frame->stream) ||
	    !number_read(&reader, &ret_frame->number))
		return false;
	ret_frame->flags = (uint32_t)flags[0] << 24 | (uint32_t)flags[1] << 16 | (uint32_t)flags[2] << 8 | flags[3];
	ret_frame->payload = reader;
	return true;
}

/* -- writing -- */

static void bytes_write(struct spop_writer *writer, const void *bytes, size_t size)
{
	if (writer->failed || sizeof writer->bytes - writer->size < size) {
		writer->failed = true;
		return;
	}
	memcpy(writer->bytes + writer->size, bytes, size);
	writer->size += size;
}

static void byte_write(struct spop_writer *writer, uint8_t byte)
{
	bytes_write(writer, &byte, 1);
}

static void number_write(struct spop_writer *writer, uint64_t number)
{
	if (number < 240) {
		byte_write(writer, (uint8_t)number);
		return;
	}
	byte_write(writer, (uint8_t)(number | 240));
	number = (number - 240) >> 4;
	while (number >= 128) {
		byte_write(writer, (uint8_t)(number | 128));
		number = (number - 128) >> 7;
	}
	byte_write(writer, (uint8_t)number);
}

static void text_write(struct spop_writer *writer, const char *text)
{
	number_write(writer, strlen(text));
	bytes_write(writer, text, strlen(text));
}

void spop_begin(struct spop_writer *writer, enum spop_type type, uint64_t stream, uint64_t number)
{
	static const uint8_t flags[4] = { 0, 0, 0, SPOP_FLAG_FIN };

	writer->size = SPOP_LENGTH;
	writer->failed = false;
	byte_write(writer, (uint8_t)type);
	bytes_write(writer, flags, sizeof flags);
	number_write(writer, stream);
	number_write(writer, number);
}

void spop_pair_text(struct spop_writer *writer, const char *name, const char *text)
{
	text_write(writer, name);
	byte_write(writer, WIRE_STRING);
	text_write(writer, text);
}

void spop_pair_number(struct spop_writer *writer, const char *name, uint32_t number)
{
	text_write(writer, name);
	byte_write(writer, WIRE_UINT32);
	number_write(writer, number);
}

static void set_begin(struct spop_writer *writer, const char *name)
{
	static const uint8_t head[] = { ACTION_SET_VAR, SET_VAR_ARGUMENTS, SCOPE_TRANSACTION };

	bytes_write(writer, head, sizeof head);
	text_write(writer, name);
}

void spop_set_text(struct spop_writer *writer, const char *name, const char *text)
{
	set_begin(writer, name);
	byte_write(writer, WIRE_STRING);
	text_write(writer, text);
}

void spop_set_boolean(struct spop_writer *writer, const char *name, bool value)
{
	set_begin(writer, name);
	byte_write(writer, WIRE_BOOLEAN | (value ? FLAG_TRUE : 0));
}

void spop_end(struct spop_writer *writer)
{
	size_t size = writer->size - SPOP_LENGTH;

	for (int i = 0; i < SPOP_LENGTH; i++)
		writer->bytes[i] = (uint8_t)(size >> 8 * (SPOP_LENGTH - 1 - i));
}
