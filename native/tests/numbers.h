// What the core's tests share: arrays with no byte to spare, random numbers, threads, and a count of failures.
#pragma once
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "statewise/kernels.h"

namespace {

int failures = 0;

void check(bool holds, const std::string &what) {
    if (holds) return;
    ++failures;
    std::fprintf(stderr, "FAILED: %s\n", what.c_str());
}

void on_threads(statewise_work work, void *given, int threads) {
    std::vector<std::thread> others;
    for (int index = 1; index < threads; ++index) others.emplace_back(work, given, index, threads);
    work(given, 0, threads);
    for (std::thread &other : others) other.join();
}

// Exactly so many numbers and none behind them; a vector may hold more.
struct Numbers {
    std::unique_ptr<float[]> at;
    size_t size;
    explicit Numbers(size_t size = 0) : at(new float[size ? size : 1]), size(size) {}
    float *get() const { return size ? at.get() : nullptr; }
    float operator[](size_t i) const { return at[i]; }
    bool equal(const Numbers &other) const {
        for (size_t i = 0; i < size; ++i)
            if (at[i] != other.at[i]) return false;
        return size == other.size;
    }
};

std::mt19937 source(1);

Numbers random_numbers(size_t size, float scale) {
    std::normal_distribution<float> normal(0, scale);
    Numbers numbers(size);
    for (size_t i = 0; i < size; ++i) numbers.at[i] = normal(source);
    return numbers;
}

}  // namespace
