// Attention of one new token per sequence to everything its sequence holds: the inner loop of sampling.
//
// Matrix libraries are made for many query rows and spend their time on preparing a product of two. This reads each
// live key and value once, in the order they lie in memory, and nothing dead.
//
// Rows: a row is one key-value head of one sequence; `shared` query heads belong to it.

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace {

struct Bfloat16 { std::uint16_t bits; };

inline float widen(float x) { return x; }
inline float widen(Bfloat16 x) {
    const std::uint32_t bits = static_cast<std::uint32_t>(x.bits) << 16;
    float wide;
    std::memcpy(&wide, &bits, sizeof wide);
    return wide;
}

inline void narrow(float x, float& out) { out = x; }
inline void narrow(float x, Bfloat16& out) {  // to nearest, ties to even
    std::uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    out.bits = static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

constexpr std::int64_t BLOCK = 4;  // keys or values widened together and used by all query heads

// `count` rows as float: the rows themselves where they are float already.
template <std::int64_t Size>
inline const float* widened(const float* rows, float*, std::int64_t, std::int64_t) { return rows; }
template <std::int64_t Size>
inline const float* widened(const Bfloat16* rows, float* wide, std::int64_t count, std::int64_t given) {
    const std::int64_t size = Size ? Size : given;
    for (std::int64_t i = 0; i < count * size; i++) wide[i] = widen(rows[i]);
    return wide;
}

// Size: head size known when compiling, or 0.
template <std::int64_t Size>
inline void dot_block(const float* query, const float* rows, float* scores, std::int64_t given) {
    const std::int64_t size = Size ? Size : given;
    float a = 0, b = 0, c = 0, d = 0;
    for (std::int64_t i = 0; i < size; i++) {
        const float x = query[i];
        a += x * rows[i];
        b += x * rows[size + i];
        c += x * rows[2 * size + i];
        d += x * rows[3 * size + i];
    }
    scores[0] = a, scores[1] = b, scores[2] = c, scores[3] = d;
}

template <std::int64_t Size>
inline void mix_block(const float* weights, const float* rows, float* mixed, std::int64_t given) {
    const std::int64_t size = Size ? Size : given;
    const float a = weights[0], b = weights[1], c = weights[2], d = weights[3];
    for (std::int64_t i = 0; i < size; i++)
        mixed[i] += a * rows[i] + b * rows[size + i] + c * rows[2 * size + i] + d * rows[3 * size + i];
}

void softmax(float* scores, std::int64_t count) {
    float top = scores[0], total = 0;
    for (std::int64_t i = 1; i < count; i++) top = scores[i] > top ? scores[i] : top;
    for (std::int64_t i = 0; i < count; i++) {
        scores[i] = std::exp(scores[i] - top);
        total += scores[i];
    }
    const float scale = 1.0f / total;
    for (std::int64_t i = 0; i < count; i++) scores[i] *= scale;
}

template <typename T>
struct Step {
    const T *queries, *new_keys, *new_values;  // of a sequence's first head; sequences lie *_stride apart
    std::int64_t query_stride, key_stride, value_stride;
    T *keys, *values;  // [rows, capacity, size]
    T* out;            // [rows, shared, size]
    const std::int64_t* last;  // [rows] position of the new key: the last live one
    std::int64_t rows, heads, shared, capacity, size;
};

template <typename T, std::int64_t Size>
void attend_row(const Step<T>& step, std::int64_t row, float* scratch) {
    const std::int64_t size = Size ? Size : step.size, sequence = row / step.heads, head = row % step.heads;
    const std::int64_t last = step.last[row];
    T *keys = step.keys + row * step.capacity * size, *values = step.values + row * step.capacity * size;
    std::memcpy(keys + last * size, step.new_keys + sequence * step.key_stride + head * size, size * sizeof(T));
    std::memcpy(values + last * size, step.new_values + sequence * step.value_stride + head * size,
                size * sizeof(T));
    const T* queries = step.queries + sequence * step.query_stride + head * step.shared * size;
    const float scale = 1.0f / std::sqrt(static_cast<float>(size));
    const std::int64_t count = last + 1, whole = count / BLOCK * BLOCK, shared = step.shared;
    float *query = scratch, *mixed = query + shared * size, *wide = mixed + shared * size;
    float* scores = wide + BLOCK * size;  // [shared, capacity]
    for (std::int64_t i = 0; i < shared * size; i++) query[i] = widen(queries[i]) * scale, mixed[i] = 0;
    for (std::int64_t at = 0; at < whole; at += BLOCK) {
        const float* rows = widened<Size>(keys + at * size, wide, BLOCK, size);
        for (std::int64_t h = 0; h < shared; h++)
            dot_block<Size>(query + h * size, rows, scores + h * step.capacity + at, size);
    }
    for (std::int64_t at = whole; at < count; at++)
        for (std::int64_t h = 0; h < shared; h++) {
            float sum = 0;
            for (std::int64_t i = 0; i < size; i++) sum += query[h * size + i] * widen(keys[at * size + i]);
            scores[h * step.capacity + at] = sum;
        }
    for (std::int64_t h = 0; h < shared; h++) softmax(scores + h * step.capacity, count);
    for (std::int64_t at = 0; at < whole; at += BLOCK) {
        const float* rows = widened<Size>(values + at * size, wide, BLOCK, size);
        for (std::int64_t h = 0; h < shared; h++)
            mix_block<Size>(scores + h * step.capacity + at, rows, mixed + h * size, size);
    }
    for (std::int64_t at = whole; at < count; at++)
        for (std::int64_t h = 0; h < shared; h++)
            for (std::int64_t i = 0; i < size; i++)
                mixed[h * size + i] += scores[h * step.capacity + at] * widen(values[at * size + i]);
    T* out = step.out + row * shared * size;
    for (std::int64_t i = 0; i < shared * size; i++) narrow(mixed[i], out[i]);
}

template <typename T>
int attend(const Step<T>& step, int threads) {
    int failed = 0;
#pragma omp parallel num_threads(threads) reduction(| : failed)
    {
        const std::size_t bytes = (step.shared * (step.capacity + 2 * step.size) + BLOCK * step.size) * sizeof(float);
        float* scratch = static_cast<float*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64));
        failed = scratch == nullptr;
#pragma omp for schedule(dynamic, 4)
        for (std::int64_t row = 0; row < step.rows; row++) {
            if (failed) continue;
            if (step.size == 64) attend_row<T, 64>(step, row, scratch);
            else if (step.size == 128) attend_row<T, 128>(step, row, scratch);
            else attend_row<T, 0>(step, row, scratch);
        }
        std::free(scratch);
    }
    return failed;
}

}  // namespace

extern "C" int attend_float32(const Step<float>* step, int threads) { return attend(*step, threads); }
extern "C" int attend_bfloat16(const Step<Bfloat16>* step, int threads) { return attend(*step, threads); }
