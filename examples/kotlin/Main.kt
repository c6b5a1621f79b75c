// Kotlin, whose objects live on the garbage-collected heap, with functions of a C library: numbers,
// and text that Kotlin puts into the memory that both share.
@file:OptIn(
    kotlin.wasm.ExperimentalWasmInterop::class,
    kotlin.wasm.unsafe.UnsafeWasmMemoryApi::class,
)

import kotlin.wasm.unsafe.withScopedMemoryAllocator

@WasmImport("env", "count_words")
private external fun countWordsAt(text: Int, length: Int): Int

@WasmImport("env", "calls")
private external fun calls(): Int

fun countWords(text: String): Int = withScopedMemoryAllocator { allocator ->
    val bytes = text.encodeToByteArray()
    val place = allocator.allocate(bytes.size)
    bytes.forEachIndexed { index, byte -> (place + index).storeByte(byte) }
    countWordsAt(place.address.toInt(), bytes.size)
}

data class Line(val text: String, val words: Int)

fun main() {
    val lines = listOf("to be or not to be", "that is the question", "end").map { Line(it, countWords(it)) }
    lines.sortedByDescending { it.words }.forEach(::println)
    println("${lines.groupBy { it.words % 2 == 0 }.mapValues { it.value.size }}, ${calls()} calls")
    try {
        lines.first { it.words > 10 }
    } catch (error: NoSuchElementException) {
        println("none: ${error.message}")
    }
}
