// The operations of bench_metrics.c with prometheus-cpp; the same lines of output.
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int kRuns = 7;

double Now(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

void Print(const char* name, int threads, std::vector<double> ns) {
  std::sort(ns.begin(), ns.end());
  std::printf("prometheus-cpp\t%s\t%d\t%.2f\t%.2f\t%.2f\n", name, threads, ns[ns.size() / 2],
              ns.front(), ns.back());
}

void Measure(const char* name, size_t n, const std::function<void(size_t)>& run) {
  for (int threads = 1; threads <= 2; threads++) {
    std::vector<double> ns;
    for (int i = 0; i < kRuns; i++) {
      double sum = 0;
      std::vector<std::thread> pool;
      std::vector<double> spent(threads);
      for (int t = 0; t < threads; t++)
        pool.emplace_back([&, t] {
          run(n);
          double start = Now(CLOCK_THREAD_CPUTIME_ID);
          run(n);
          spent[t] = Now(CLOCK_THREAD_CPUTIME_ID) - start;
        });
      for (auto& thread : pool) thread.join();
      for (double s : spent) sum += s;
      ns.push_back(sum / threads / static_cast<double>(n));
    }
    Print(name, threads, ns);
  }
}

void MeasureText(const char* name, bool fractions) {
  constexpr int kSeries = 10000;
  prometheus::Registry registry;
  auto& family = prometheus::BuildCounter().Name("c_total").Register(registry);
  for (int i = 0; i < kSeries; i++)
    family.Add({{"route", "/route/" + std::to_string(i)}, {"method", "GET"}, {"code", "200"}})
        .Increment(fractions ? i * 1.0001 : i * 17);
  std::vector<double> ns;
  for (int i = -1; i < kRuns; i++) {
    double start = Now(CLOCK_THREAD_CPUTIME_ID);
    std::string text = prometheus::TextSerializer().Serialize(registry.Collect());
    if (i >= 0) ns.push_back((Now(CLOCK_THREAD_CPUTIME_ID) - start) / kSeries);
  }
  Print(name, 1, ns);
}

}  // namespace

int main() {
  prometheus::Registry registry;
  auto& counters = prometheus::BuildCounter().Name("requests_total").Register(registry);
  auto& bound = counters.Add({});
  Measure("counter, bound", 10000000, [&](size_t n) {
    for (size_t i = 0; i < n; i++) bound.Increment();
  });
  static const char* const routes[] = {"/", "/users", "/orders", "/items"};
  static const char* const methods[] = {"GET", "POST", "PUT", "DELETE"};
  Measure("counter, 3 attributes of 16 sets", 300000, [&](size_t n) {
    for (size_t i = 0; i < n; i++)
      counters
          .Add({{"http_route", routes[i & 3]},
                {"http_request_method", methods[i >> 2 & 3]},
                {"http_response_status_code", "200"}})
          .Increment();
  });
  auto& histogram =
      prometheus::BuildHistogram().Name("h").Register(registry).Add(
          {}, prometheus::Histogram::BucketBoundaries{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25,
                                                      0.5, 0.75, 1, 2.5, 5});
  Measure("histogram of 12 bounds, bound", 3000000, [&](size_t n) {
    double v = 0.001;
    for (size_t i = 0; i < n; i++) {
      histogram.Observe(v);
      v = v > 20 ? 0.001 : v * 1.37;
    }
  });
  MeasureText("text of 10000 series, integers", false);
  MeasureText("text of 10000 series, fractions", true);
}
