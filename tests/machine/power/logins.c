/* Logs people in through libpam, on a machine whose disk is recorded by dm-log-writes.
 *
 *   logins storm TABLE SECONDS SEED    random lines of TABLE ("USER totp|recovery|hotp|sync CODE STEP"), one login each; each
 *                                      that is accepted becomes a mark in the disk's record: "login USER KIND CODE TIME", of a
 *                                      counter token with the counter in place of the code
 *   logins try AT UP                   "USER CODE" lines from standard input, one login each, as if now were AT (seconds since
 *                                      1970) and the machine had been started UP seconds ago; prints "USER CODE RESULT"
 *   logins now                         the same by the machine's own clocks
 *
 * "CODE+CODE" is a pair of a counter token: "sync" is typed, and then the two.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PERIOD = 30, HOUR = 3600, MOST = 4096, AHEAD = 3, FAR_AHEAD = 30, ACCEPTED = 0, REFUSED = 1, BROKEN = 2 };

static time_t claimed_now, claimed_start = HOUR;
static struct timespec began;

/* In place of libc's, also for the module. A storm has to be possible in the first minute of a machine, where the boot rule
 * refuses codes: it claims that the machine was started an hour ago. */
int clock_gettime(clockid_t clock, struct timespec *time) {
    int failed = syscall(SYS_clock_gettime, clock, time);
    if (failed) return failed;
    if (clock == CLOCK_BOOTTIME && !claimed_now) time->tv_sec += claimed_start;
    if (claimed_now && (clock == CLOCK_BOOTTIME || clock == CLOCK_REALTIME)) {
        struct timespec now;
        syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
        time->tv_sec = (clock == CLOCK_REALTIME ? claimed_now : claimed_start) + now.tv_sec - began.tv_sec;
    }
    return 0;
}

/* What is typed at one prompt after the other. */
struct typed { char *answers[3]; int prompt; };

static int answer(int count, const struct pam_message **messages, struct pam_response **responses, void *data) {
    struct typed *typed = data;
    *responses = calloc(count, sizeof **responses);
    for (int i = 0; i < count; i++)
        if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF || messages[i]->msg_style == PAM_PROMPT_ECHO_ON)
            (*responses)[i].resp = strdup(typed->answers[typed->prompt < 3 ? typed->prompt++ : 2]);
    return PAM_SUCCESS;
}

static int login(const char *user, const char *code) {
    char first[64], second[64];
    struct typed typed = {{first, first, first}, 0};
    if (sscanf(code, "%63[^+]+%63s", first, second) == 2) typed = (struct typed){{"sync", first, second}, 0};
    struct pam_conv conversation = {answer, &typed};
    pam_handle_t *pam;
    int result = pam_start_confdir("machine", user, &conversation, "/test/pam", &pam);
    if (result != PAM_SUCCESS) return result;
    result = pam_authenticate(pam, 0);
    pam_end(pam, result);
    return result;
}

static void mark(int control, const char *user, const char *kind, const char *code) {
    struct { struct dm_ioctl head; char message[256]; } request = {0};
    request.head.version[0] = DM_VERSION_MAJOR;
    request.head.data_size = sizeof request;
    request.head.data_start = sizeof request.head;
    strcpy(request.head.name, "state");
    /* struct dm_target_msg: the sector, 0, then the words. */
    snprintf(request.message + sizeof(__u64), sizeof request.message - sizeof(__u64), "mark login:%s:%s:%s:%ld", user, kind, code,
             (long)time(NULL));
    if (ioctl(control, DM_TARGET_MSG, &request)) { perror("mark"); exit(BROKEN); }
}

static struct line { char user[32], kind[16], code[64]; long step; int used; } lines[MOST];

/* The next counter of the tokens of h0 to h9 and p0 to p9, as far as this process knows. */
static long counters[2][10];

static long *counter_of(const char *user) {
    return &counters[user[0] == 'p'][user[1] - '0'];
}

/* A code in its step and the next, again and again; a recovery code once; of a counter token the last code again, or one of the next
 * ones; a pair that is further ahead. */
static int is_due(const struct line *line, unsigned seed) {
    long step = time(NULL) / PERIOD;
    if (strcmp(line->kind, "totp") == 0) return line->step == step || line->step == step - 1;
    if (strcmp(line->kind, "recovery") == 0) return !line->used && rand() % 4 == 0;
    /* Of each token one process knows the counter. */
    if (line->user[1] % 2 != (int)seed % 2) return 0;
    long ahead = line->step - *counter_of(line->user);
    return strcmp(line->kind, "hotp") == 0 ? ahead >= -1 && ahead <= AHEAD : ahead > AHEAD && ahead <= FAR_AHEAD;
}

static int storm(const char *table, int seconds, unsigned seed) {
    FILE *file = fopen(table, "r");
    int control = open("/dev/mapper/control", O_RDWR), count = 0, tries = 0;
    if (!file || control < 0) { perror(table); return 1; }
    while (count < MOST && fscanf(file, "%31s %15s %63s %ld", lines[count].user, lines[count].kind, lines[count].code, &lines[count].step) == 4)
        count++;
    srand(seed);
    /* The first code, of counter 0, was given before the storm. */
    for (int i = 0; i < 20; i++) counters[i / 10][i % 10] = 1;
    for (time_t end = time(NULL) + seconds; time(NULL) < end;) {
        struct line *line = &lines[rand() % count];
        if (!is_due(line, seed)) continue;
        line->used = 1;
        tries++;
        int is_counter = strcmp(line->kind, "hotp") == 0 || strcmp(line->kind, "sync") == 0;
        char counter[24];
        snprintf(counter, sizeof counter, "%ld", line->step);
        /* A process of its own, as a connection has. */
        pid_t child = fork();
        if (child == 0) {
            if (login(line->user, line->code) != PAM_SUCCESS) _exit(REFUSED);
            mark(control, line->user, line->kind, is_counter ? counter : line->code);
            _exit(ACCEPTED);
        }
        int status;
        if (waitpid(child, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == BROKEN) {
            fprintf(stderr, "a login ended with %x\n", status);
            return 1;
        }
        if (is_counter && WEXITSTATUS(status) == ACCEPTED) *counter_of(line->user) = line->step + 1;
    }
    printf("%d tries\n", tries);
    return 0;
}

int main(int count, char **words) {
    if (count == 5 && strcmp(words[1], "storm") == 0) return storm(words[2], atoi(words[3]), atoi(words[4]));
    char user[32], code[128];
    if (count == 4 && strcmp(words[1], "try") == 0) {
        syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &began);
        claimed_now = atol(words[2]);
        claimed_start = atol(words[3]);
    } else if (count == 2 && strcmp(words[1], "now") == 0) {
        claimed_start = 0;
    } else {
        return 2;
    }
    while (scanf("%31s %127s", user, code) == 2) { printf("%s %s %d\n", user, code, login(user, code)); fflush(stdout); }
    return 0;
}
