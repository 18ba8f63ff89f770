/* SPDX-License-Identifier: MIT */
/* callgrind_dump.c - the head of a dump names the client's text, the events and their sums; functions follow; a last
 * line "totals:" shows that all was written. Zeroes at the end of a line of sums are left out. */
#include "probes/callgrind_dump.h"

#include "model/base/status.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const event_name[] = {"Ir", "D1mr", "D1mw", "DLmr", "DLmw"};
enum { N_EVENTS = sizeof event_name / sizeof event_name[0] };

struct reader {
    struct vit_callgrind_dump *dump;
    int position[N_EVENTS]; /* in the line of sums; -1: not listed */
    int64_t sum[N_EVENTS];
    bool summed, complete;
};

/* What follows "key: "; NULL where the line is another. */
static const char *value_of(const char *line, const char *key)
{
    size_t length = strlen(key);
    return strncmp(line, key, length) == 0 && line[length] == ':' ? line + length + 1 + strspn(line + length + 1, " ")
                                                                  : NULL;
}

static void list_events(struct reader *reader, const char *names)
{
    for (int at = 0; *names; at++) {
        size_t length = strcspn(names, " ");
        for (int i = 0; i < N_EVENTS; i++)
            if (strlen(event_name[i]) == length && memcmp(event_name[i], names, length) == 0)
                reader->position[i] = at;
        names += length + strspn(names + length, " ");
    }
}

/* False for text that is no list of counts. */
static bool list_sums(struct reader *reader, const char *numbers)
{
    memset(reader->sum, 0, sizeof reader->sum);
    for (int at = 0; *numbers; at++) {
        char *end;
        errno = 0;
        long long count = strtoll(numbers, &end, 10);
        if (end == numbers || errno || count < 0 || (*end && *end != ' '))
            return false;
        for (int i = 0; i < N_EVENTS; i++)
            if (reader->position[i] == at)
                reader->sum[i] = count;
        numbers = end + strspn(end, " ");
    }
    reader->summed = true;
    return true;
}

static bool take_line(struct reader *reader, char *line)
{
    struct vit_callgrind_dump *dump = reader->dump;
    const char *value;
    line[strcspn(line, "\n")] = '\0';
    if ((value = value_of(line, "creator")))
        snprintf(dump->creator, sizeof dump->creator, "%s", value);
    else if ((value = value_of(line, "desc: Trigger: Client Request")))
        snprintf(dump->trigger, sizeof dump->trigger, "%s", value);
    else if ((value = value_of(line, "events")))
        list_events(reader, value);
    else if ((value = value_of(line, "summary")))
        return list_sums(reader, value);
    else if (value_of(line, "totals"))
        reader->complete = true;
    return true;
}

static int check(const struct reader *reader, const char *path)
{
    if (!reader->complete)
        return vit_fail(VIT_EFORMAT, "%s: a callgrind dump that is cut short: is its disk full?", path);
    if (!*reader->dump->trigger)
        return vit_fail(VIT_EFORMAT, "%s: a callgrind dump that no client request asked for", path);
    for (int i = 0; i < N_EVENTS; i++)
        if (reader->position[i] < 0 || !reader->summed)
            return vit_fail(VIT_EFORMAT, "%s: a callgrind dump without the sum of event %s", path, event_name[i]);
    return VIT_OK;
}

int vit_callgrind_dump_read(struct vit_callgrind_dump *dump, const char *path)
{
    *dump = (struct vit_callgrind_dump){0};
    FILE *file = fopen(path, "r");
    if (!file)
        return vit_fail(VIT_EIO, "%s: %s", path, strerror(errno));
    struct reader reader = {.dump = dump, .position = {-1, -1, -1, -1, -1}};
    char *line = NULL;
    size_t size = 0;
    int status = VIT_OK;
    while (status == VIT_OK && getline(&line, &size, file) >= 0)
        if (!take_line(&reader, line))
            status = vit_fail(VIT_EFORMAT, "%s: \"%.80s\" is no list of counts", path, line);
    free(line);
    fclose(file);
    if (status == VIT_OK)
        status = check(&reader, path);
    dump->instructions = reader.sum[0];
    dump->d1_misses = reader.sum[1] + reader.sum[2];
    dump->ll_misses = reader.sum[3] + reader.sum[4];
    return status;
}
