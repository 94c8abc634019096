using System.Buffers.Binary;
using CsCheck;
using Granary.Core.Messages;

namespace Granary.Core.Tests.Messages;

public sealed class LargeRecordTests
{
    private readonly LargeRecordPool _pool = new();

    private enum Step
    {
        Take,
        Hold,
        LetGo,
    }

    [Fact]
    public void LetGo_OfTheLastHold_GivesTheArrayToTheNextRecord()
    {
        var first = _pool.Take(100_000);
        var capacity = first.Capacity;
        first.Hold();
        first.LetGo();
        Assert.Equal(0, _pool.IdleBytes);

        first.LetGo();

        Assert.Equal(capacity, _pool.IdleBytes);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(capacity, _pool.Take(100_000).Capacity);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000);
        Assert.Equal(0, _pool.IdleBytes);
    }

    [Fact]
    public void Memory_AfterTheLastHold_IsNotReadable()
    {
        var record = _pool.Take(100_000);
        ReadOnlyMemory<byte> kept = record.Memory;
        record.LetGo();

        Assert.Throws<ObjectDisposedException>(() => kept.Span.Length);
        Assert.Throws<ObjectDisposedException>(() => kept[5..].Pin());
        Assert.Throws<ObjectDisposedException>(record.Hold);
    }

    [Fact]
    public void LetGo_MoreOftenThanHeld_Throws()
    {
        var record = _pool.Take(100_000);
        record.LetGo();

        Assert.Throws<InvalidOperationException>(record.LetGo);

        // Its array was given to the pool once.
        var (one, other) = (_pool.Take(100_000), _pool.Take(100_000));
        Assert.False(one.Memory.Span.Overlaps(other.Memory.Span));
    }

    [Fact]
    public void Of_RecordsOfAChunk_IsNull()
    {
        Assert.Null(LargeRecord.Of(new byte[LargeRecord.LargerThan]));
        Assert.Null(LargeRecord.Of(new byte[100_000]));
        LargeRecord.LetGo(new byte[100_000]);
        var record = _pool.Take(100_000);
        Assert.Same(record, LargeRecord.Of(record.Memory[..90_000]));
    }

    [Theory]
    [InlineData(LargeRecord.LargerThan + 1)]
    [InlineData(64 * 1024)]
    [InlineData(128 * 1024 + 40)]
    [InlineData(1024 * 1024 + 300)]
    [InlineData(10_000_000)]
    [InlineData(16 * 1024 * 1024 + 300)]
    [InlineData(100_000_000)]
    public void Take_AnySize_WastesAFifthAtMost(int length)
    {
        var capacity = _pool.Take(length).Capacity;

        Assert.InRange(capacity, length, (long)(length * 1.25) + 1024);
    }

    [Fact]
    public void TryTake_BeyondTheRoom_WaitsForMore()
    {
        _pool.SetRoom(room: 300_000, assured: 1_000_000, reserve: 200_000);
        var first = _pool.TryTake(200_000, mayUseReserve: false);
        Assert.NotNull(first);

        Assert.Null(_pool.TryTake(200_000, mayUseReserve: false));
        Assert.NotNull(_pool.TryTake(200_000, mayUseReserve: true));
        Assert.Null(_pool.TryTake(200_000, mayUseReserve: true));

        // What is there already takes no room.
        first.LetGo();
        Assert.NotNull(_pool.TryTake(200_000, mayUseReserve: false));
    }

    [Fact]
    public void GivenUpBytes_OfArraysThatAreNotKept_CountsThem()
    {
        var pool = new LargeRecordPool(memory: 1_000_000);
        var (kept, dropped) = (pool.Take(100_000), pool.Take(100_000));
        var size = kept.Capacity;
        kept.LetGo();
        dropped.LetGo();
        Assert.Equal((size, size), (pool.IdleBytes, pool.GivenUpBytes));

        pool.DropIdle();

        Assert.Equal((0, 2 * size), (pool.IdleBytes, pool.GivenUpBytes));
    }

    [Fact]
    public void TryTake_OfMoreThanIsEverAssured_TakesWhatThereIs()
    {
        _pool.SetRoom(room: 100_000, assured: 100_000, reserve: 0);

        Assert.NotNull(_pool.TryTake(5_000_000, mayUseReserve: false));
        Assert.Null(_pool.TryTake(50_000, mayUseReserve: false));
    }

    /// <summary>In each step a record is taken, or one of those that are held is held once more, or let go of.</summary>
    [Fact]
    public void Records_HeldAndLetGoAtRandom_NeverShareMemory() =>
        Gen.Select(Gen.Frequency((2, Gen.Const(Step.Take)), (1, Gen.Const(Step.Hold)), (2, Gen.Const(Step.LetGo))), Gen.Int[LargeRecord.LargerThan + 1, 299_999]).Array[1, 20_000]
            .Sample(CheckMemory, iter: 12);

    private static void CheckMemory((Step Step, int Number)[] steps)
    {
        var pool = new LargeRecordPool();
        var holds = new List<(LargeRecord Record, long Stamp)>();
        var stamp = 0L;
        foreach (var (step, number) in steps)
        {
            if (holds.Count == 0 || (step == Step.Take && holds.Count < 50))
            {
                var record = pool.Take(number);
                Stamp(record, ++stamp);
                holds.Add((record, stamp));
                continue;
            }

            var at = number % holds.Count;
            var held = holds[at];
            Assert.True(IsStamped(held.Record, held.Stamp));
            if (step == Step.Hold && holds.Count < 100)
            {
                held.Record.Hold();
                holds.Add(held);
            }
            else
            {
                held.Record.LetGo();
                holds[at] = holds[^1];
                holds.RemoveAt(holds.Count - 1);
            }
        }

        foreach (var (record, _) in holds)
        {
            record.LetGo();
        }

        Assert.NotEqual(0, pool.IdleBytes);
    }

    [Fact]
    public async Task Record_HeldByManyThreads_IsReturnedOnce()
    {
        for (var round = 0; round < 200; round++)
        {
            var record = _pool.Take(200_000);
            record.Hold();
            record.Hold();
            await Task.WhenAll(Task.Run(record.LetGo), Task.Run(record.LetGo), Task.Run(record.LetGo));

            Assert.Equal(0, record.Capacity);
            Assert.InRange(_pool.IdleBytes, 200_000, 250_000);
        }
    }

    [Fact]
    public void Idle_NotNeededForAWhile_IsGivenUp()
    {
        LargeRecord[] records = [.. Enumerable.Range(0, 10).Select(_ => _pool.Take(1_000_000))];
        Array.ForEach(records, record => record.LetGo());
        var all = _pool.IdleBytes;
        _pool.Tidy();
        Assert.Equal(all, _pool.IdleBytes);

        _pool.Take(1_000_000).LetGo();
        _pool.Tidy();

        // One was needed since.
        Assert.Equal(all / 10, _pool.IdleBytes);
        _pool.Tidy();
        Assert.Equal(0, _pool.IdleBytes);
    }

    [Fact]
    public void Idle_AfterABurst_IsBounded()
    {
        LargeRecord[] records = [.. Enumerable.Range(0, 20).Select(_ => _pool.Take(10_000_000))];
        Array.ForEach(records, record => record.LetGo());

        Assert.InRange(_pool.IdleBytes, 0, 64 * 1024 * 1024);
    }

    [Fact]
    public void Belief_OfAllTogether_IsBounded()
    {
        Assert.True(_pool.TryBelieve(16 * 1024 * 1024));
        Assert.True(_pool.TryBelieve(16 * 1024 * 1024));
        Assert.False(_pool.TryBelieve(1));
        Assert.False(_pool.TryBelieve(100_000_000));

        _pool.EndBelief(16 * 1024 * 1024);

        Assert.True(_pool.TryBelieve(16 * 1024 * 1024));
    }

    private static void Stamp(LargeRecord record, long stamp)
    {
        var span = record.Memory.Span;
        BinaryPrimitives.WriteInt64LittleEndian(span, stamp);
        BinaryPrimitives.WriteInt64LittleEndian(span[^8..], stamp);
    }

    private static bool IsStamped(LargeRecord record, long stamp)
    {
        var span = record.Memory.Span;
        return BinaryPrimitives.ReadInt64LittleEndian(span) == stamp && BinaryPrimitives.ReadInt64LittleEndian(span[^8..]) == stamp;
    }
}
