// A load client for registries: keep-alive small requests, bulk pulls, slow pulls and uploads over plain HTTP/1.1.
// It prints one JSON object. wrk and its kin do not do: they count no HEAD, check no length and read no server CPU.
#define _GNU_SOURCE
#include "load.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void usage(void) {
    fail("usage: load requests|pulls|slow-pulls|uploads -p PORT [-c CONNECTIONS] [-t SECONDS] [-w WARMUP]\n"
         "            [-r REQUEST_FILE] [-b BODY_FILE] [-l LENGTH] [-H] [-z] [-R BYTES_PER_SECOND] [-P PID,...]\n"
         "            [-f SOURCE_FILE] [-n REPOSITORY] [-1] [DIGEST:TAIL ...]");
}

static void parse_pids(struct options *options, char *list) {
    for (char *pid = strtok(list, ","); pid; pid = strtok(NULL, ",")) {
        if (options->pid_count == MAX_PIDS)
            fail("more than %d processes", MAX_PIDS);
        options->pids[options->pid_count++] = (pid_t)atoi(pid);
    }
}

static void parse_options(struct options *options, int argc, char **argv) {
    int option;
    while ((option = getopt(argc, argv, "p:c:t:w:r:b:l:HzR:P:f:n:1")) != -1) {
        switch (option) {
        case 'p':
            options->port = (uint16_t)atoi(optarg);
            break;
        case 'c':
            options->connections = atoi(optarg);
            break;
        case 't':
            options->seconds = atof(optarg);
            break;
        case 'w':
            options->warmup = atof(optarg);
            break;
        case 'r':
            options->request_file = optarg;
            break;
        case 'b':
            options->body_file = optarg;
            break;
        case 'l':
            options->length = atol(optarg);
            break;
        case 'H':
            options->head = true;
            break;
        case 'z':
            options->discard = true;
            break;
        case 'R':
            options->rate = atof(optarg);
            break;
        case 'P':
            parse_pids(options, optarg);
            break;
        case 'f':
            options->source_file = optarg;
            break;
        case 'n':
            options->repository = optarg;
            break;
        case '1':
            options->single_put = true;
            break;
        default:
            usage();
        }
    }
    options->uploads = argv + optind;
    options->upload_count = argc - optind;
}

int main(int argc, char **argv) {
    if (argc < 2)
        usage();
    struct options options = {.connections = 1, .seconds = 1};
    parse_options(&options, argc - 1, argv + 1);
    signal(SIGPIPE, SIG_IGN); // a server that hangs up is a fault to count
    if (options.port == 0 || options.connections < 1)
        usage();
    if (!strcmp(argv[1], "uploads"))
        return run_uploads(&options);
    if (!options.request_file)
        usage();
    if (!strcmp(argv[1], "requests"))
        return run_requests(&options);
    if (!strcmp(argv[1], "pulls"))
        return run_pulls(&options);
    if (!strcmp(argv[1], "slow-pulls"))
        return run_slow_pulls(&options);
    usage();
}
