/* SPDX-License-Identifier: MIT */
#include "probes/counter_tasks.h"

#include "model/base/status.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct vit_counter_task {
    pid_t number;
    struct vit_counting *counting; /* NULL: the thread ended before it could be opened */
};

static bool is_open(const struct vit_counter_tasks *tasks, pid_t number)
{
    for (int i = 0; i < tasks->n; i++)
        if (tasks->task[i].number == number)
            return true;
    return false;
}

static int open_task(struct vit_counter_tasks *tasks, const struct vit_counter_request *request, pid_t number)
{
    struct vit_counter_task *task = realloc(tasks->task, ((size_t)tasks->n + 1) * sizeof *task);
    struct vit_counter_request of_task = *request;
    struct vit_attempt attempt;
    if (!task)
        return vit_fail(VIT_ENOMEM, "out of memory: counters of %d threads", tasks->n + 1);
    tasks->task = task;
    task[tasks->n] = (struct vit_counter_task){.number = number};
    /* The own thread is asked for as such: backends read it faster, and need no right to attach. */
    if (request->task == 0)
        of_task.task = number == (pid_t)syscall(SYS_gettid) ? 0 : number;
    int status = tasks->backend->open(&task[tasks->n].counting, &of_task, &attempt);
    if (status != VIT_OK && of_task.task > 0 && attempt.system_error == ESRCH)
        status = VIT_OK;
    if (status != VIT_OK)
        return vit_fail_in(status, "thread %d", (int)number);
    tasks->n++;
    return VIT_OK;
}

/* Opens tasks that are not yet; *news: how many there were. */
static int scan(struct vit_counter_tasks *tasks, const struct vit_counter_request *request, int *news)
{
    DIR *folder = opendir("/proc/self/task");
    int status = VIT_OK;
    *news = 0;
    if (!folder)
        return vit_fail(VIT_ENOTSUP, "/proc/self/task: %s; the threads of this process cannot be found",
                        strerror(errno));
    for (const struct dirent *entry; status == VIT_OK && (entry = readdir(folder));) {
        pid_t number = (pid_t)strtol(entry->d_name, NULL, 10);
        if (number <= 0 || is_open(tasks, number))
            continue;
        status = open_task(tasks, request, number);
        ++*news;
    }
    closedir(folder);
    return status;
}

int vit_counter_tasks_open(struct vit_counter_tasks *tasks, const struct vit_counter_backend *backend,
                           const struct vit_counter_request *request)
{
    int news = 0, status;
    *tasks = (struct vit_counter_tasks){.backend = backend};
    if (request->task < 0)
        status = open_task(tasks, request, -1);
    else
        do
            status = scan(tasks, request, &news);
        while (status == VIT_OK && news > 0);
    if (status != VIT_OK)
        vit_counter_tasks_close(tasks);
    return status;
}

bool vit_counter_tasks_read(const struct vit_counter_tasks *tasks, struct vit_reading *sum, int n_event)
{
    struct vit_reading reading;
    for (int e = 0; e < n_event; e++)
        sum->value[e] = 0;
    sum->enabled_ns = sum->running_ns = 0;
    for (int i = 0; i < tasks->n; i++) {
        if (!tasks->task[i].counting)
            continue;
        if (!tasks->backend->read(tasks->task[i].counting, &reading))
            return false;
        for (int e = 0; e < n_event; e++)
            sum->value[e] += reading.value[e];
        sum->enabled_ns += reading.enabled_ns;
        sum->running_ns += reading.running_ns;
    }
    return true;
}

void vit_counter_tasks_close(struct vit_counter_tasks *tasks)
{
    for (int i = 0; i < tasks->n; i++)
        if (tasks->task[i].counting)
            tasks->backend->close(tasks->task[i].counting);
    free(tasks->task);
    *tasks = (struct vit_counter_tasks){0};
}

struct patient {
    pid_t number;
    sem_t ready, done;
};

static void *wait_there(void *argument)
{
    struct patient *patient = argument;
    patient->number = (pid_t)syscall(SYS_gettid);
    sem_post(&patient->ready);
    while (sem_wait(&patient->done) != 0)
        ;
    return NULL;
}

int vit_counter_tasks_try(const struct vit_counter_backend *backend, const struct vit_counter_request *request)
{
    struct patient patient;
    struct vit_counter_request other = *request;
    struct vit_counting *counting;
    struct vit_attempt attempt;
    pthread_t thread;
    sem_init(&patient.ready, 0, 0);
    sem_init(&patient.done, 0, 0);
    int status, error = pthread_create(&thread, NULL, wait_there, &patient);
    if (error) {
        status = vit_fail(VIT_ENOMEM, "cannot start a thread: %s", strerror(error));
    } else {
        while (sem_wait(&patient.ready) != 0)
            ;
        other.task = patient.number;
        status = backend->open(&counting, &other, &attempt);
        if (status == VIT_OK)
            backend->close(counting);
        sem_post(&patient.done);
        pthread_join(thread, NULL);
    }
    sem_destroy(&patient.ready);
    sem_destroy(&patient.done);
    return status;
}

int vit_counter_tasks_now(void)
{
    DIR *folder = opendir("/proc/self/task");
    int n = 0;
    if (!folder)
        return 0;
    for (const struct dirent *entry; (entry = readdir(folder));)
        n += entry->d_name[0] != '.';
    closedir(folder);
    return n;
}
