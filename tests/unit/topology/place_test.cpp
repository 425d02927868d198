// Binding a thread away from the ranks, on this machine: each thread binds itself alone.
#include "topology/place.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

namespace coll::topo {
namespace {

PuSet allowed() {
  cpu_set_t mask;
  EXPECT_EQ(sched_getaffinity(0, sizeof(mask), &mask), 0);
  PuSet pus{};
  for (size_t pu = 0; pu < sizeof(PuSet) * 8; ++pu) {
    if (CPU_ISSET(pu, &mask)) pus[pu / 64] |= uint64_t{1} << pu % 64;
  }
  return pus;
}

PuSet first_of(const PuSet& pus) {
  PuSet one{};
  for (size_t w = 0; w < pus.size(); ++w) {
    if (pus[w] == 0) continue;
    one[w] = pus[w] & -pus[w];
    break;
  }
  return one;
}

void on_a_thread(void (*body)()) { std::thread(body).join(); }

TEST(Place, ThreadRunsWhereNoRankIsBound) {
  on_a_thread([] {
    const PuSet before = allowed();
    const PuSet taken = first_of(before);
    const bool others = count(before) > 1;
    EXPECT_TRUE(run_apart_from(taken) || !others);
    const PuSet after = allowed();
    for (size_t w = 0; w < taken.size() && others; ++w) EXPECT_EQ(after[w] & taken[w], 0u);
    EXPECT_GT(count(after), 0);
  });
}

TEST(Place, ThreadStaysWhereNothingIsFree) {
  on_a_thread([] {
    const PuSet before = allowed();
    PuSet all;
    all.fill(~uint64_t{0});
    EXPECT_FALSE(run_apart_from(all));
    EXPECT_FALSE(run_apart_from(PuSet{})) << "nobody is bound";
    EXPECT_EQ(allowed(), before);
  });
}

TEST(Place, ListsAreParsed) {
  EXPECT_EQ(parse_pus("0-3,8"), PuSet{0x10f});
  EXPECT_EQ(parse_pus("64"), (PuSet{0, 1}));
  EXPECT_EQ(parse_pus("62-65,1"), (PuSet{0xc000000000000002, 3}));
  EXPECT_EQ(count(parse_pus("0-5000")), 1024);
  for (const char* text : {"", "x", "5000", "-"}) EXPECT_EQ(count(parse_pus(text)), 0) << text;
}

}  // namespace
}  // namespace coll::topo
