"""Accepted exposures a second of the default recipe's simulations, for one and two processes.

``python benchmarks/simulator.py [--seconds S] [--rounds N] [--plain]`` starts the processes, each
on one thread, lets each draw until it is warm, and then lets one, and both, draw for so many
seconds, some times over; the best rounds are printed beside the 300 a second that are wanted of
two cores.  ``--plain`` leaves XLA out.
"""

import argparse
import multiprocessing
import os
import time

WANTED = 300.0
BATCH = 64


def draw(fused, barrier, seconds, rounds, results):
    """Draw in one process: between two barriers for so many seconds, some times over."""
    from rimlens.training.recipes.solver import read_recipe
    from rimlens.training.simulations.of_recipe import simulator_of

    simulator = simulator_of(read_recipe("default"), fused=fused)
    seed = os.getpid()
    simulator.batch(0, BATCH, seed)
    for number in range(rounds):
        barrier.wait()
        count, start, cpu = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - start < seconds:
            simulator.batch(1 + count // BATCH + 1000 * number, BATCH, seed)
            count += BATCH
        elapsed = time.perf_counter() - start
        results.put((number, count / elapsed, 1e3 * (time.process_time() - cpu) / count))


def measure(processes, fused, seconds, rounds):
    """Return the exposures a second and the milliseconds of a core for each, in the best round."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(processes), context.Queue()
    workers = [
        context.Process(target=draw, args=(fused, barrier, seconds, rounds, results))
        for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    found = [results.get() for _ in range(processes * rounds)]
    for worker in workers:
        worker.join()
    sums = [sum(rate for number, rate, _ in found if number == i) for i in range(rounds)]
    return max(sums), min(cost for _, _, cost in found)


def main():
    """Print the rates."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--plain", action="store_true")
    options = parser.parse_args()
    for processes in (1, 2):
        rate, cost = measure(processes, not options.plain, options.seconds, options.rounds)
        print(
            f"{processes} process{'es' if processes > 1 else '  '} {rate:7.0f} exposures/s"
            f"   {cost:5.2f} ms of a core for each   {rate / WANTED:5.2f} of {WANTED:.0f} wanted"
        )


if __name__ == "__main__":
    # Each process is to have one core; the array library reads this when it is imported.
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ[name] = "1"
    main()
