/* SPDX-License-Identifier: MIT */
/* test_weights_safetensors.c - round trips, hostile headers one by one, truncation at every byte, failing writes. */
#include "tests/support/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/weights/safetensors.h"

static const char sample_path[] = "tests/fixtures/efficientvit_nano_f16.safetensors";

static char folder[256];

static int make_folder(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/vitscope-XXXXXX", parent ? parent : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static const char *in_folder(const char *name)
{
    static char path[320];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* A file in memory: header text, then n bytes of data. To be freed. */
static unsigned char *build(const char *header, size_t header_bytes, size_t n, size_t *size)
{
    *size = 8 + header_bytes + n;
    unsigned char *bytes = calloc(*size, 1);
    assert_non_null(bytes);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)header_bytes >> (8 * i));
    memcpy(bytes + 8, header, header_bytes);
    return bytes;
}

static int parse_header(const char *header, size_t header_bytes, size_t n)
{
    size_t size;
    unsigned char *bytes = build(header, header_bytes, n, &size);
    struct vit_safetensors file;
    int status = vit_safetensors_parse(&file, bytes, size, "F");
    if (!status)
        vit_safetensors_close(&file);
    free(bytes);
    return status;
}

/* {"a":{"dtype":DTYPE,"shape":SHAPE,"data_offsets":OFFSETS}} */
#define TENSOR(name, dtype, shape, offsets) \
    "\"" name "\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define ONE(dtype, shape, offsets) "{" TENSOR("a", dtype, shape, offsets) "}"
#define BYTE(name, offsets) TENSOR(name, "\"U8\"", "[1]", offsets)

static const struct {
    const char *header;
    size_t data_bytes;
    const char *message;
} hostile[] = {
    {"", 0, "F: the header does not begin with '{'"},
    {" {}", 0, "does not begin with '{'"},
    {"[]", 0, "does not begin with '{'"},
    {"\xef\xbb\xbf{}", 0, "does not begin with '{'"},
    {"{", 0, "ends within its JSON object"},
    {"{}}", 0, "text after the end"},
    {"{} x", 0, "header byte 3: text after the end"},
    {"{\"a", 0, "ends within a string"},
    {"{\"a\\", 0, "ends within a string"},
    {"{\"a\":{\"b\":{\"c\":{}}}}", 0, "nested deeper than 3"},
    {"{\"a\":[[[[]]]]}", 0, "nested deeper than 3"},
    {"{\"\x80\":1}", 0, "header byte 2: invalid UTF-8"},
    {"{\"\xc0\xaf\":1}", 0, "invalid UTF-8"},
    {"{\"\xed\xa0\x80\":1}", 0, "invalid UTF-8"},
    {"{\"\xf4\x90\x80\x80\":1}", 0, "invalid UTF-8"},
    {"{\"\xe2\x82", 0, "invalid UTF-8"},
    {"{\"\\u0000\":1}", 0, "NUL (\\u0000) in a string"},
    {"{\"\\ud800\":1}", 0, "not valid JSON"},
    {"{\"a\nb\":1}", 0, "control character 0x0a in a string"},
    {"{" BYTE("a\\u001b[2J", "[0,1]") "}", 1, "control character 0x1b in a tensor's name"},
    {"{\"a\":}", 0, "not valid JSON"},
    {"{\"a\":1,}", 0, "not valid JSON"},
    {"{\"a\" \"b\"}", 0, "not valid JSON"},
    {"{\"a\":[1}]", 0, "not valid JSON"},
    {"{\"a\":null}", 0, "unexpected byte 0x6e"},
    {"{\"a\":1}", 0, "tensor a: its description is not an object"},
    {"{\"a\":{}}", 0, "tensor a: no dtype"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", 0, "tensor a: no data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 0, "tensor a: duplicate key \"dtype\""},
    {"{\"a\":{\"colour\":\"red\"}}", 0, "tensor a: unknown key \"colour\""},
    {ONE("\"F31\"", "[1]", "[0,4]"), 4, "tensor a: unknown dtype \"F31\""},
    {ONE("\"F\\n\"", "[1]", "[0,4]"), 4, "control character 0x0a in a dtype"},
    {"{\"a\":{\"\\n\":1}}", 0, "control character 0x0a in a key"},
    {ONE("1", "[1]", "[0,4]"), 4, "tensor a: dtype is not a string"},
    {ONE("\"F32\"", "1", "[0,4]"), 4, "tensor a: shape is not an array"},
    {ONE("\"F32\"", "[-1]", "[0,4]"), 4, "unexpected byte 0x2d"},
    {ONE("\"F32\"", "[1.0]", "[0,4]"), 4, "unexpected byte 0x2e"},
    {ONE("\"F32\"", "[1e0]", "[0,4]"), 4, "unexpected byte 0x65"},
    {ONE("\"F32\"", "[01]", "[0,4]"), 4, "a number with a leading zero"},
    {ONE("\"F32\"", "[\"1\"]", "[0,4]"), 4, "must hold whole numbers"},
    {ONE("\"F32\"", "[9007199254740992]", "[0,4]"), 4, "is too large (at most 2^53 - 1)"},
    {ONE("\"F32\"", "[99999999999999999999999999999999999]", "[0,4]"), 4, "is too large"},
    {ONE("\"F32\"", "[4294967296,4294967296]", "[0,4]"), 4, "more than 2^63 elements"},
    {ONE("\"F32\"", "[4294967296,1073741824]", "[0,4]"), 4, "shape (4294967296, 1073741824) is too large"},
    {ONE("\"F32\"", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "an array of more than 8 numbers"},
    {ONE("\"F32\"", "[1]", "[0]"), 4, "data_offsets is not an array of two numbers"},
    {ONE("\"F32\"", "[1]", "[0,4,4]"), 4, "data_offsets is not an array of two numbers"},
    {ONE("\"F32\"", "[1]", "[4,0]"), 4, "data_offsets [4, 0] end before they begin"},
    {ONE("\"F32\"", "[1]", "[0,9007199254740992]"), 4, "is too large"},
    {ONE("\"F32\"", "[2]", "[0,4]"), 4, "4 bytes of data, but F32 of shape (2,) needs 8"},
    {ONE("\"F32\"", "[]", "[0,8]"), 8, "8 bytes of data, but F32 of shape () needs 4"},
    {ONE("\"F4\"", "[3]", "[0,1]"), 1, "needs 1 and a part of a byte"},
    {ONE("\"F32\"", "[1]", "[0,4]"), 3, "tensor a: data_offsets [0, 4] reach past the end of the data (3 bytes)"},
    {ONE("\"F32\"", "[1]", "[1000,1004]"), 4, "reach past the end"},
    {ONE("\"F32\"", "[1]", "[9007199254740980,9007199254740984]"), 4, "reach past the end"},
    {ONE("\"F32\"", "[1]", "[0,4]"), 5, "1 bytes after the last tensor belong to no tensor"},
    {ONE("\"F32\"", "[1]", "[1,5]"), 5, "1 bytes before tensor a belong to no tensor"},
    {"{" BYTE("a", "[0,1]") "," BYTE("b", "[2,3]") "}", 3, "1 bytes before tensor b belong to no tensor"},
    {"{" BYTE("a", "[0,1]") "," BYTE("b", "[0,1]") "}", 2, "tensors a and b overlap at data byte 0"},
    {"{" BYTE("a", "[0,1]") "," BYTE("a", "[1,2]") "}", 2, "duplicate tensor a"},
    {"{" BYTE("a", "[0,1]") "," BYTE("\\u0061", "[1,2]") "}", 2, "duplicate tensor a"},
    {"{\"__metadata__\":1}", 0, "__metadata__ is not an object"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "__metadata__: the value of \"a\" is not a string"},
    {"{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}", 0, "__metadata__: duplicate key \"a\""},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "duplicate key \"__metadata__\""},
};

static void test_safetensors_refuses_hostile_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++)
        assert_fails(parse_header(hostile[i].header, strlen(hostile[i].header), hostile[i].data_bytes), VIT_EFORMAT,
                     hostile[i].message);
    assert_fails(parse_header("{\0}", 3, 0), VIT_EFORMAT, "unexpected byte 0x00");
}

static void test_safetensors_refuses_bad_header_lengths(void **state)
{
    (void)state;
    struct vit_safetensors file;
    const unsigned char past[] = {3, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
    const unsigned char huge[] = {0, 0, 0, 0, 0, 0, 0, 0x80, '{', '}'};
    const unsigned char zip[] = {'P', 'K', 3, 4, 0, 0, 0, 0, 0, 0};
    assert_fails(vit_safetensors_parse(&file, past, sizeof past, "F"), VIT_EFORMAT,
                 "F: a header of 3 bytes reaches past the end of the file (10 bytes)");
    assert_fails(vit_safetensors_parse(&file, huge, sizeof huge, "F"), VIT_EFORMAT, "longer than the 100000000");
    assert_fails(vit_safetensors_parse(&file, zip, sizeof zip, "F"), VIT_EFORMAT, "a zip archive");
    assert_fails(vit_safetensors_parse(&file, past, 7, "F"), VIT_EFORMAT, "7 bytes are too few");
    assert_fails(vit_safetensors_parse(&file, NULL, 0, "F"), VIT_EFORMAT, "0 bytes are too few");
}

static void test_safetensors_accepts_what_the_format_allows(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data_bytes;
    } cases[] = {
        {"{}", 0},
        {"{}      ", 0},
        {"{\n\t\"a\" : { \"shape\" : [ 1 ] , \"data_offsets\" : [ 0 , 1 ] , \"dtype\" : \"BOOL\" } }\n", 1},
        {"{" BYTE("b", "[1,2]") "," BYTE("a", "[0,1]") "}", 2},
        {ONE("\"F32\"", "[0,5]", "[0,0]"), 0},
        {ONE("\"F4\"", "[4]", "[0,2]"), 2},
        {ONE("\"F32\"", "[1,1,1,1,1,1,1,1]", "[0,4]"), 4},
        {"{" BYTE("", "[0,1]") "," BYTE("\xf0\x9f\x98\x80 \\\" \\u00e9", "[1,2]") "}", 2},
        {"{\"__metadata__\":{}}", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_ok(parse_header(cases[i].header, strlen(cases[i].header), cases[i].data_bytes));
}

static void test_safetensors_a_long_array_of_tensors_is_checked_in_time(void **state)
{
    (void)state;
    /* 200000 tensors, the last of them a duplicate: comparing every pair would take minutes. */
    enum { N = 200000, EACH = 80 };
    char *header = malloc(N * EACH);
    assert_non_null(header);
    size_t used = 0;
    for (int i = 0; i < N; i++)
        used += (size_t)sprintf(header + used, "%c\"%d\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]}",
                                i ? ',' : '{', i == N - 1 ? 0 : i, i, i + 1);
    header[used++] = '}';
    assert_fails(parse_header(header, used, N), VIT_EFORMAT, "duplicate tensor 0");
    free(header);
}

static unsigned char *read_sample(size_t *size)
{
    FILE *stream = fopen(sample_path, "rb");
    assert_non_null(stream);
    assert_int_equal(fseek(stream, 0, SEEK_END), 0);
    *size = (size_t)ftell(stream);
    rewind(stream);
    unsigned char *bytes = malloc(*size);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, stream), *size);
    fclose(stream);
    return bytes;
}

static void test_safetensors_truncated_anywhere_is_refused(void **state)
{
    (void)state;
    size_t size;
    unsigned char *bytes = read_sample(&size);
    struct vit_safetensors file;
    assert_ok(vit_safetensors_parse(&file, bytes, size, sample_path));
    size_t data = 8 + file.header_bytes;
    vit_safetensors_close(&file);
    /* Within the data the header is whole and its parse always the same: every 997th byte and those at the ends. */
    for (size_t cut = 0; cut < size; cut += cut < data + 64 || cut + 64 > size ? 1 : 997) {
        unsigned char *part = malloc(cut + !cut); /* of its own: a read past the end is seen */
        assert_non_null(part);
        memcpy(part, bytes, cut);
        assert_fails(vit_safetensors_parse(&file, part, cut, "F"), VIT_EFORMAT, "F: ");
        free(part);
    }
    free(bytes);
}

static void test_safetensors_small_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    static const char header[] = "{\"__metadata__\":{\"k\":\"v\"}," BYTE("a", "[0,1]") "," BYTE("b", "[1,2]") "}";
    assert_ok(parse_header(header, sizeof header - 1, 2));
    /* With the length put right, so that the cut falls within JSON. */
    for (size_t cut = 0; cut < sizeof header - 1; cut++)
        assert_fails(parse_header(header, cut, 2), VIT_EFORMAT, "F: ");
    size_t size;
    unsigned char *bytes = build(header, sizeof header - 1, 2, &size);
    for (size_t cut = 0; cut < size; cut++) {
        struct vit_safetensors file;
        assert_fails(vit_safetensors_parse(&file, bytes, cut, "F"), VIT_EFORMAT, "F: ");
    }
    free(bytes);
}

static void test_safetensors_reads_only_float_formats(void **state)
{
    (void)state;
    for (int dtype = 0; dtype < VIT_N_DTYPES; dtype++) {
        const struct vit_dtype_info *info = &vit_dtype_table[dtype];
        char header[160];
        size_t bytes_needed = (size_t)info->bits, size; /* of 8 elements */
        int length =
            snprintf(header, sizeof header, "{\"a\":{\"dtype\":\"%s\",\"shape\":[8],\"data_offsets\":[0,%zu]}}",
                     info->name, bytes_needed);
        unsigned char *bytes = build(header, (size_t)length, bytes_needed, &size);
        struct vit_safetensors file;
        vit_real out[8];
        assert_ok(vit_safetensors_parse(&file, bytes, size, "F"));
        assert_int_equal(file.entry[0].dtype, dtype);
        if (info->loadable) {
            assert_ok(vit_safetensors_read(&file.entry[0], 3, 5, out));
            assert_ok(vit_safetensors_read(&file.entry[0], 8, 0, out));
            assert_fails(vit_safetensors_read(&file.entry[0], 3, 6, out), VIT_EINVAL, "elements 3 to 9 asked of 8");
            assert_fails(vit_safetensors_read(&file.entry[0], -1, 1, out), VIT_EINVAL, "elements");
        } else {
            assert_fails(vit_safetensors_read(&file.entry[0], 0, 1, out), VIT_EFORMAT, "tensor a: cannot read");
        }
        vit_safetensors_close(&file);
        free(bytes);
    }
}

static const int64_t shape_2x3[] = {2, 3}, shape_5[] = {5};

static void test_safetensors_round_trip_of_all_formats(void **state)
{
    (void)state;
    /* Exact in every format. */
    const vit_real values[] = {1, -2, 0.5, 0, -0.0f, (vit_real)INFINITY}, five[] = {1, 2, 3, 4, 5};
    const struct vit_safetensors_source tensors[] = {
        {"odd.half", VIT_DTYPE_F16, 1, shape_5, five},   {"scalar", VIT_DTYPE_F32, 0, NULL, five},
        {"half", VIT_DTYPE_F16, 2, shape_2x3, values},   {"brain", VIT_DTYPE_BF16, 2, shape_2x3, values},
        {"single", VIT_DTYPE_F32, 2, shape_2x3, values}, {"double \"\xc3\xa9\\", VIT_DTYPE_F64, 2, shape_2x3, values},
    };
    const struct vit_safetensors_pair metadata[] = {{"note", "two\nlines \"\xc3\xa9\""}, {"format", "pt"}};
    const struct vit_safetensors_content content = {tensors, 6, metadata, 2};
    const char *path = in_folder("all");
    assert_ok(vit_safetensors_write(path, &content));
    struct vit_safetensors file;
    assert_ok(vit_safetensors_open(&file, path));
    assert_int_equal(file.n_entry, 6);
    assert_int_equal(file.header_bytes % 8, 0);
    assert_string_equal(file.entry[0].name, tensors[5].name); /* widest first */
    for (int i = 0; i < 6; i++) {
        const struct vit_safetensors_entry *entry = vit_safetensors_find(&file, tensors[i].name);
        vit_real back[6];
        assert_non_null(entry);
        assert_int_equal(entry->dtype, tensors[i].dtype);
        assert_int_equal(entry->ndim, tensors[i].ndim);
        assert_ok(vit_safetensors_read(entry, 0, entry->numel, back));
        assert_memory_equal(back, tensors[i].values, (size_t)entry->numel * sizeof *back);
    }
    assert_null(vit_safetensors_find(&file, "none"));
    assert_int_equal(file.n_metadata, 2);
    assert_string_equal(file.metadata[0].key, "format");
    assert_string_equal(file.metadata[1].value, metadata[0].value);
    vit_safetensors_close(&file);
    assert_int_equal(unlink(path), 0);
}

static void test_safetensors_empty_content_is_a_file(void **state)
{
    (void)state;
    const struct vit_safetensors_content content = {0};
    struct vit_safetensors file;
    const char *path = in_folder("empty");
    assert_ok(vit_safetensors_write(path, &content));
    assert_ok(vit_safetensors_open(&file, path));
    assert_int_equal(file.n_entry, 0);
    assert_null(vit_safetensors_find(&file, "none"));
    vit_safetensors_close(&file);
    assert_int_equal(unlink(path), 0);
}

static void test_safetensors_write_refuses_what_cannot_be_read_back(void **state)
{
    (void)state;
    const vit_real value = 1;
    struct vit_safetensors_source twice[] = {{"a", VIT_DTYPE_F32, 0, NULL, &value},
                                             {"a", VIT_DTYPE_F16, 0, NULL, &value}};
    struct vit_safetensors_pair pairs[] = {{"k", "1"}, {"k", "2"}};
    const char *path = in_folder("refused");
    assert_fails(vit_safetensors_write(path, &(struct vit_safetensors_content){twice, 2, NULL, 0}), VIT_EINVAL,
                 "two tensors called a");
    assert_fails(vit_safetensors_write(path, &(struct vit_safetensors_content){twice, 1, pairs, 2}), VIT_EINVAL,
                 "two metadata pairs called k");
    static const char *const names[] = {"\xff", "a\n", "__metadata__"};
    for (int i = 0; i < 3; i++) {
        twice[0].name = names[i];
        assert_fails(vit_safetensors_write(path, &(struct vit_safetensors_content){twice, 1, NULL, 0}), VIT_EINVAL,
                     "its name is");
    }
    assert_int_not_equal(access(path, F_OK), 0);
}

static int files_in_folder(void)
{
    int n = 0;
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries));)
        n += entry->d_name[0] != '.';
    closedir(entries);
    return n;
}

static void test_safetensors_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    enum { N = 100000 };
    vit_real *values = calloc(N, sizeof *values);
    assert_non_null(values);
    const int64_t dim[] = {N};
    struct vit_safetensors_source tensor = {"a", VIT_DTYPE_F32, 0, NULL, values};
    const struct vit_safetensors_content content = {&tensor, 1, NULL, 0};
    const char *path = in_folder("kept");
    assert_ok(vit_safetensors_write(path, &content));
    tensor.ndim = 1;
    tensor.dim = dim;
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){4096, old.rlim_max};
    signal(SIGXFSZ, SIG_IGN); /* the write fails instead */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int status = vit_safetensors_write(path, &content);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_fails(status, VIT_EIO, "kept: cannot write: File too large");
    assert_int_equal(files_in_folder(), 1);
    struct vit_safetensors file;
    assert_ok(vit_safetensors_open(&file, path));
    assert_int_equal(file.entry[0].ndim, 0);
    vit_safetensors_close(&file);
    assert_int_equal(unlink(path), 0);
    free(values);
}

static void test_safetensors_write_to_a_wrong_place_fails(void **state)
{
    (void)state;
    const struct vit_safetensors_content content = {0};
    assert_fails(vit_safetensors_write(in_folder("none/file"), &content), VIT_EIO, "cannot write: No such file");
    assert_fails(vit_safetensors_write(folder, &content), VIT_EIO, "it is a directory");
    assert_fails(vit_safetensors_write("/dev/null", &content), VIT_EIO, "/dev/null: cannot write: it is not a regular");
    assert_int_equal(files_in_folder(), 0);
}

/* Another process may shorten a file at any time: an error, where a mapped file would end the program by a signal. */
static void test_safetensors_of_a_shortened_file_fail(void **state)
{
    (void)state;
    enum { LENGTH = VIT_BYTE_PIECE };
    static vit_real values[LENGTH], back[LENGTH];
    const int64_t length = LENGTH;
    const struct vit_safetensors_source tensor = {"a", VIT_DTYPE_F32, 1, &length, values};
    const char *path = in_folder("shortened");
    for (int i = 0; i < LENGTH; i++)
        values[i] = (vit_real)i;
    assert_ok(vit_safetensors_write(path, &(struct vit_safetensors_content){&tensor, 1, NULL, 0}));
    struct vit_safetensors file;
    assert_ok(vit_safetensors_open(&file, path));
    assert_ok(vit_safetensors_read(&file.entry[0], 0, LENGTH, back));
    assert_memory_equal(back, values, sizeof values);
    assert_int_equal(truncate(path, (off_t)file.size - 4), 0);
    assert_ok(vit_safetensors_read(&file.entry[0], 5, LENGTH - 6, back)); /* what is left can be read */
    assert_memory_equal(back, values + 5, (LENGTH - 6) * sizeof *back);
    assert_fails(vit_safetensors_read(&file.entry[0], 0, LENGTH, back), VIT_EIO,
                 "the file was shortened after it was opened");
    assert_int_equal(truncate(path, 0), 0);
    assert_fails(vit_safetensors_read(&file.entry[0], 0, 1, back), VIT_EIO, "shortened: cannot read byte");
    vit_safetensors_close(&file);
    unlink(path);
}

static void test_safetensors_open_of_what_is_no_file_fails(void **state)
{
    (void)state;
    struct vit_safetensors file;
    assert_fails(vit_safetensors_open(&file, in_folder("none")), VIT_EIO, "none: cannot open: No such file");
    assert_fails(vit_safetensors_open(&file, folder), VIT_EIO, "a directory, not a safetensors file");
    assert_fails(vit_safetensors_open(&file, "/dev/null"), VIT_EIO, "not a regular file");
    const char *path = in_folder("pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_fails(vit_safetensors_open(&file, path), VIT_EIO, "not a regular file");
    assert_int_equal(unlink(path), 0);
    int fd = open(path, O_CREAT | O_WRONLY, 0);
    assert_true(fd >= 0);
    close(fd);
    if (geteuid() == 0) /* root may read everything: the file is merely empty */
        assert_fails(vit_safetensors_open(&file, path), VIT_EFORMAT, "0 bytes are too few");
    else
        assert_fails(vit_safetensors_open(&file, path), VIT_EIO, "cannot open: Permission denied");
    assert_int_equal(chmod(path, 0600), 0);
    assert_fails(vit_safetensors_open(&file, path), VIT_EFORMAT, "0 bytes are too few");
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_safetensors_refuses_hostile_headers),
        cmocka_unit_test(test_safetensors_refuses_bad_header_lengths),
        cmocka_unit_test(test_safetensors_accepts_what_the_format_allows),
        cmocka_unit_test(test_safetensors_a_long_array_of_tensors_is_checked_in_time),
        cmocka_unit_test(test_safetensors_truncated_anywhere_is_refused),
        cmocka_unit_test(test_safetensors_small_file_cut_anywhere_is_refused),
        cmocka_unit_test(test_safetensors_reads_only_float_formats),
        cmocka_unit_test(test_safetensors_round_trip_of_all_formats),
        cmocka_unit_test(test_safetensors_empty_content_is_a_file),
        cmocka_unit_test(test_safetensors_write_refuses_what_cannot_be_read_back),
        cmocka_unit_test(test_safetensors_full_disk_leaves_the_old_file),
        cmocka_unit_test(test_safetensors_write_to_a_wrong_place_fails),
        cmocka_unit_test(test_safetensors_of_a_shortened_file_fail),
        cmocka_unit_test(test_safetensors_open_of_what_is_no_file_fails),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
