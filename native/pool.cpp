#include "pool.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace vetro {
namespace {

// About 50 us: the next job of a training step comes sooner; a later job may cost a wake-up.
constexpr int SPINS = 2000;

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#else
  asm volatile("yield");
#endif
}

thread_local bool inside = false;  // a task that starts tasks runs them in its own thread

class Pool {
 public:
  explicit Pool(int workers) {
    for (int i = 0; i < workers; ++i) threads_.emplace_back([this, i] { work(i + 1); });
  }
  ~Pool() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
      generation_.fetch_add(1);
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  int workers() const { return int(threads_.size()); }

  void run(int64_t count, int threads, const Task& task) {
    task_ = &task;
    count_ = count;
    next_.store(0);
    allowed_ = std::min(threads - 1, workers());
    running_.store(workers());
    {
      std::lock_guard<std::mutex> lock(mutex_);
      generation_.fetch_add(1);
    }
    if (sleeping_.load() > 0) wake_.notify_all();
    take(0);
    for (int spins = 0; running_.load() > 0; ++spins) spins < SPINS ? relax() : std::this_thread::yield();
  }

 private:
  void take(int worker) {
    inside = true;
    for (int64_t number; (number = next_.fetch_add(1)) < count_;) (*task_)(number, worker);
    inside = false;
  }
  void work(int worker) {
    uint64_t seen = 0;
    for (;;) {
      for (int spins = 0; generation_.load() == seen && spins < SPINS; ++spins) relax();
      if (generation_.load() == seen) {
        std::unique_lock<std::mutex> lock(mutex_);
        sleeping_.fetch_add(1);
        wake_.wait(lock, [&] { return generation_.load() != seen; });
        sleeping_.fetch_sub(1);
      }
      seen = generation_.load();
      if (stopping_) return;
      if (worker <= allowed_) take(worker);
      running_.fetch_sub(1);
    }
  }

  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<uint64_t> generation_{0};
  std::atomic<int> running_{0}, sleeping_{0};
  std::atomic<int64_t> next_{0};
  const Task* task_ = nullptr;
  int64_t count_ = 0;
  int allowed_ = 0;
  bool stopping_ = false;
};

std::mutex in_use;
Pool* pool = nullptr;
pid_t owner = 0;

}  // namespace

int cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return int(std::max(1u, std::thread::hardware_concurrency()));
}

void run_parallel(int64_t count, int threads, const Task& task) {
  threads = int(std::min<int64_t>(threads, count));
  if (threads > 1 && !inside && in_use.try_lock()) {
    std::lock_guard<std::mutex> lock(in_use, std::adopt_lock);
    if (pool && owner != getpid()) pool = nullptr;  // its threads stayed with the parent process
    if (!pool || pool->workers() < threads - 1) {
      delete pool;
      pool = new Pool(threads - 1);
      owner = getpid();
    }
    pool->run(count, threads, task);
    return;
  }
  for (int64_t number = 0; number < count; ++number) task(number, 0);
}

}  // namespace vetro
