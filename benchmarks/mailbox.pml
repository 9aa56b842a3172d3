/* The protocol of examples/jobs as a model: one queue with one place, a producer, and workers who wait in line.
   A step is one access to what others see, as it is in C: locks are taken by one atomic step. */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef PRODUCERS
#define PRODUCERS 1
#endif
#define NOBODY 255

mtype = { IDLE, WAITING, BUSY };

bool queue_lock, worker_lock[WORKERS];
byte count, oldest, finished, length;
/* The line: 1 and the number of each worker, eight times as much for each place; the first has the lowest digit. */
int line;
mtype state[WORKERS] = IDLE;
byte job[WORKERS] = NOBODY;
byte told[WORKERS + PRODUCERS] = NOBODY;

inline take_lock(lock) { atomic { !lock -> lock = true } }
inline give_lock(lock) { lock = false }

inline ended() {
    atomic {
        finished++;
        if
        :: finished == WORKERS + PRODUCERS ->
            c_code {
                int i;
                printf("END %d %d %d", now.count, now.oldest, now.line);
                for (i = 0; i < WORKERS; i++) printf(" %d %d", now.state[i], now.job[i]);
                for (i = 0; i < WORKERS + PRODUCERS; i++) printf(" %d", now.told[i]);
                printf("\n");
            }
        :: else
        fi
    }
}

proctype submit(byte me) {
    byte helper, given;
    take_lock(queue_lock);
    if
    :: line == 0 ->
        if
        :: count == 1 -> skip
        :: else -> told[me] = oldest + count; count++
        fi
    :: line != 0 ->
        given = oldest;
        oldest++;
        helper = line % 8 - 1;
        line = line / 8;
        length--;
        take_lock(worker_lock[helper]);
        state[helper] = BUSY;
        job[helper] = given;
        give_lock(worker_lock[helper]);
        told[me] = given
    fi;
    give_lock(queue_lock);
    ended()
}

proctype take(byte me) {
    take_lock(queue_lock);
    take_lock(worker_lock[me]);
    if
    :: state[me] == BUSY -> told[me] = job[me]
    :: state[me] != BUSY && count > 0 ->
        count--;
        told[me] = oldest;
        job[me] = oldest;
        oldest++;
        state[me] = BUSY
    :: state[me] != BUSY && count == 0 ->
        /* Each worker asks once, so it is not in the line yet. */
        line = line + ((me + 1) << (3 * length));
        length++;
        state[me] = WAITING
    fi;
    give_lock(worker_lock[me]);
    give_lock(queue_lock);
    ended()
}

init {
    byte i;
    atomic {
        for (i : 0 .. WORKERS - 1) { run take(i) }
        for (i : WORKERS .. WORKERS + PRODUCERS - 1) { run submit(i) }
    }
}
