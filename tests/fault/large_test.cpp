// A call of more than 2^31 elements, in place on two ranks that share memory: 4 GiB in all.
#include <sys/mman.h>

#include "tests/fault/outcome.hpp"
#include "tests/support/world.hpp"

namespace coll::test {

namespace {

constexpr size_t kCount = (size_t{1} << 31) + 7;

// Fresh pages of zeros; only what is written takes time to fill.
class Pages {
 public:
  explicit Pages(size_t bytes) : bytes_(bytes) {
    void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    data_ = at != MAP_FAILED ? static_cast<uint8_t*>(at) : nullptr;
  }
  ~Pages() {
    if (data_ != nullptr) ::munmap(data_, bytes_);
  }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  uint8_t* data() const { return data_; }

 private:
  size_t bytes_;
  uint8_t* data_;
};

TEST(Large, CountsAbove2To31Work) {
  World world({.node_of = one_node(2), .shm = true});
  ASSERT_TRUE(world.ok()) << world.why();
  constexpr size_t kPlaces[] = {
      0, 1, 12345, (size_t{1} << 30) - 1, size_t{1} << 30, (size_t{1} << 31) - 1, size_t{1} << 31, kCount - 1};
  world.run([&](int rank, Communicator&) {
    const Pages values(kCount);
    ASSERT_NE(values.data(), nullptr);
    for (const size_t place : kPlaces) values.data()[place] = static_cast<uint8_t>(100 + rank);
    const Outcome outcome = outcome_of(world.handle(rank), [&] {
      return collAllReduce(values.data(), values.data(), kCount, collUint8, collSum, world.handle(rank), nullptr);
    });
    ASSERT_EQ(outcome.code, collSuccess) << outcome;
    for (const size_t place : kPlaces) {
      EXPECT_EQ(values.data()[place], 201) << place;
      const size_t beside = place == kCount - 1 ? place - 1 : place + 2;
      EXPECT_EQ(values.data()[beside], 0) << beside;
    }
  });
}

}  // namespace

}  // namespace coll::test
