// Stands in for libFuzzer where a corpus is only replayed: runs the empty input, then every file
// named on the command line. A finding aborts the process, as under the fuzzer.

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  LLVMFuzzerTestOneInput(nullptr, 0);
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    if (!file) {
      std::cerr << "cannot open corpus file " << argv[i] << "\n";
      return EXIT_FAILURE;
    }
    // A copy of exactly the file's size, so that the sanitizer sees a read past its end.
    const std::vector<uint8_t> input{std::istreambuf_iterator<char>(file), {}};
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::cout << "replayed " << argc - 1 << " corpus files\n";
}
