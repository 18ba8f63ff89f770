/* SPDX-License-Identifier: MIT */
/* atomic_file.c - write beside, fsync, rename. */
#include "reports/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/base/status.h"

enum { BUFFER_BYTES = 1 << 16 };

static void forget(struct vit_atomic_file *out)
{
    free(out->path);
    free(out->beside);
    *out = (struct vit_atomic_file){.file = NULL};
}

/* Sets out->path, through symbolic links so that the link survives the rename, and out->beside. */
static int name_files(struct vit_atomic_file *out, const char *path, bool straight)
{
    out->path = realpath(path, NULL);
    if (!out->path)
        out->path = strdup(path);
    if (!out->path)
        return vit_fail(VIT_ENOMEM, "%s: out of memory", path);
    if (straight)
        return VIT_OK;
    if (asprintf(&out->beside, "%s.%ld.tmp", out->path, (long)getpid()) < 0) {
        out->beside = NULL;
        return vit_fail(VIT_ENOMEM, "%s: out of memory", path);
    }
    return VIT_OK;
}

static int open_stream(struct vit_atomic_file *out, const char *path, mode_t mode)
{
    const char *written = out->beside ? out->beside : out->path;
    int flags = O_WRONLY | O_CLOEXEC | (out->beside ? O_CREAT | O_TRUNC | O_NOFOLLOW : 0);
    int descriptor = open(written, flags, mode);
    if (descriptor < 0)
        return vit_fail(VIT_EIO, "%s: cannot be written: %s", path, strerror(errno));
    out->file = fdopen(descriptor, "w");
    if (!out->file) {
        close(descriptor);
        if (out->beside)
            unlink(out->beside);
        return vit_fail(VIT_ENOMEM, "%s: out of memory", path);
    }
    setvbuf(out->file, NULL, _IOFBF, BUFFER_BYTES);
    return VIT_OK;
}

int vit_atomic_open(struct vit_atomic_file *out, const char *path)
{
    *out = (struct vit_atomic_file){.file = NULL};
    struct stat there;
    bool exists = stat(path, &there) == 0;
    if (exists && S_ISDIR(there.st_mode))
        return vit_fail(VIT_EIO, "%s: is a folder, not a file to write", path);
    bool straight = exists && !S_ISREG(there.st_mode);
    if (exists && !straight && access(path, W_OK) != 0)
        return vit_fail(VIT_EIO, "%s: cannot be written: %s", path, strerror(errno));
    int status = name_files(out, path, straight);
    if (status == VIT_OK)
        status = open_stream(out, path, exists ? there.st_mode & 0777 : 0666);
    if (status != VIT_OK)
        forget(out);
    return status;
}

/* The rename itself must be on disk too. A folder that cannot be synced is no reason to fail: the file is complete. */
static void sync_folder(const char *path)
{
    char *folder = strdup(path);
    if (!folder)
        return;
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[1] = '\0';
    int descriptor = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
        fsync(descriptor);
        close(descriptor);
    }
    free(folder);
}

static bool finish(struct vit_atomic_file *out)
{
    bool written = !ferror(out->file) && fflush(out->file) == 0;
    if (written && out->beside)
        written = fsync(fileno(out->file)) == 0;
    int reason = errno;
    if (fclose(out->file) != 0 && written) {
        written = false;
        reason = errno;
    }
    out->file = NULL;
    if (written && out->beside && rename(out->beside, out->path) != 0) {
        written = false;
        reason = errno;
    }
    errno = reason;
    return written;
}

int vit_atomic_close(struct vit_atomic_file *out)
{
    int status = VIT_OK;
    if (!finish(out)) {
        status = vit_fail(VIT_EIO, "%s: cannot be written: %s", out->path, strerror(errno));
        if (out->beside)
            unlink(out->beside);
    } else if (out->beside) {
        sync_folder(out->path);
    }
    forget(out);
    return status;
}

void vit_atomic_abort(struct vit_atomic_file *out)
{
    if (out->file)
        fclose(out->file);
    if (out->beside)
        unlink(out->beside);
    forget(out);
}
