using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Memory;

namespace Granary.Silo.Tests.Storage.Memory;

public sealed class MemoryStoreTests
{
    private static readonly QueueIdentity Queue = new("%2F/q", Guid.NewGuid());

    private readonly MemoryStore _store = new();

    [Fact]
    public async Task Read_AfterRunsAndSettlements_GivesWhatIsLeftInOrder()
    {
        var handle = _store.Create(Queue, 1);
        await FlushAsync(handle, changes =>
        {
            changes.IsCreated = true;
            changes.Runs.Add(RunOf(0, 4));
            changes.Runs.Add(RunOf(10, 3));
            changes.Settled.Add(new OffsetRange(1, 2));
            changes.Settled.Add(new OffsetRange(12, 100));
        });

        await AssertOffsetsAsync([0, 3, 10, 11], handle, 0, 100);
        await AssertOffsetsAsync([3, 10], handle, 1, 11);
        await AssertOffsetsAsync([0], handle, 0, 100, bytes: 1);
    }

    [Fact]
    public async Task Flush_RunOverStoredOnes_TakesTheirPlace()
    {
        var handle = _store.Create(Queue, 1);
        await FlushAsync(handle, changes =>
        {
            changes.IsCreated = true;
            changes.Runs.Add(RunOf(0, 2));
            changes.Runs.Add(RunOf(2, 2));
        });
        await FlushAsync(handle, changes => changes.Runs.Add(RunOf(1, 2)));

        await AssertOffsetsAsync([0, 1, 2, 3], handle, 0, 100);
        Assert.Equal(3, (await _store.ReadAsync(handle, 0, 100, int.MaxValue, default)).Length);
    }

    [Fact]
    public async Task TakeOver_FencesTheEarlierAndForgetsWhatWasOnlyPagedOut()
    {
        var earlier = _store.Create(Queue, 3);
        var link = SessionId.New();
        await FlushAsync(earlier, changes =>
        {
            changes.IsCreated = true;
            changes.Runs.Add(RunOf(0, 2));
            changes.Runs.Add(RunOf(2, 3, MessageFlags.None));
            changes.OffsetBound = 1000;
            changes.DeliveredBound = 1;
            changes.Sessions.Add(new PublishProgress(link, 7));
        });

        var handle = await _store.TakeOverAsync(Queue, 2, default);

        Assert.Equal(4, handle.Epoch);
        Assert.Equal((0, 1000, 1, 2), (handle.Backlog.First, handle.Backlog.NextOffset, handle.Backlog.DeliveredBound, handle.Backlog.Count));
        Assert.Equal(RunOf(0, 2).Length, handle.Backlog.Bytes);
        Assert.Equal([new PublishProgress(link, 7)], handle.Backlog.Sessions);
        Assert.Equal([earlier], (await FlushAsync(earlier, changes => changes.Runs.Add(RunOf(5, 1)))).Fenced);
        await AssertOffsetsAsync([0, 1], handle, 0, 100);
    }

    [Fact]
    public async Task Rows_ExpectedVersion_DecidesChangeByChange()
    {
        var key = new RowKey("t", "k");
        Assert.Empty((await RowsAsync(new RowChange(key, "a"u8.ToArray(), 0), new RowChange(key, "b"u8.ToArray(), 1))).Conflicts);
        Assert.Equal(2, (await _store.ReadRowAsync(key, default))!.Version);

        var late = new RowChange(key, "c"u8.ToArray(), 1);
        Assert.Equal([late], (await RowsAsync(late, new RowChange(new RowKey("t", "other"), "d"u8.ToArray()))).Conflicts);
        Assert.Equal("b"u8.ToArray(), (await _store.ReadRowAsync(key, default))!.Value.ToArray());
        Assert.Equal(2, (await _store.ReadRowsAsync("t", default)).Count);

        RowChange[] lost = [new RowChange(key, "x"u8.ToArray(), 1), new RowChange(key, "y"u8.ToArray(), 2)];
        Assert.Equal(lost, (await RowsAsync(lost)).Conflicts);

        Assert.Empty((await RowsAsync(new RowChange(key, null, 2), new RowChange(key, "e"u8.ToArray(), 0))).Conflicts);
        Assert.Equal(1, (await _store.ReadRowAsync(key, default))!.Version);
    }

    [Fact]
    public async Task Copy_LaterChanges_AreNotInIt()
    {
        var handle = _store.Create(Queue, 1);
        await FlushAsync(handle, changes =>
        {
            changes.IsCreated = true;
            changes.Runs.Add(RunOf(0, 1));
        });
        var copy = _store.Copy();
        await FlushAsync(handle, changes => changes.Settled.Add(new OffsetRange(0, 1)));

        Assert.Equal(1, (await copy.TakeOverAsync(Queue, 0, default)).Backlog.Count);
        Assert.Equal(0, (await _store.TakeOverAsync(Queue, 0, default)).Backlog.Count);
    }

    private static MessageRun RunOf(long first, int count, MessageFlags flags = MessageFlags.Persistent)
    {
        var one = new byte[MessageRecord.SizeOf(hasExpiry: false, 0, 1, 0, 3)];
        var head = MessageRecord.WriteHead(one, flags, 0, 0, ""u8, "q"u8, ""u8, 3);
        "abc"u8.CopyTo(one.AsSpan(head));
        return new MessageRun(Enumerable.Repeat(one, count).SelectMany(record => record).ToArray(), first, count, Redelivered: false, flags, Since: 0);
    }

    private async Task<FlushResult> FlushAsync(StoredQueue queue, Action<QueueChanges> fill)
    {
        var flush = new Flush();
        var changes = new QueueChanges(queue);
        fill(changes);
        flush.Queues.Add(changes);
        return await _store.FlushAsync(flush, default);
    }

    private async Task<FlushResult> RowsAsync(params RowChange[] rows)
    {
        var flush = new Flush();
        flush.Rows.AddRange(rows);
        return await _store.FlushAsync(flush, default);
    }

    private async Task AssertOffsetsAsync(long[] expected, StoredQueue queue, long from, long end, int bytes = int.MaxValue)
    {
        var runs = await _store.ReadAsync(queue, from, end, bytes, default);
        Assert.All(runs, run => Assert.Equal(run.Length, run.LengthOf(run.Count)));
        Assert.Equal(expected, runs.SelectMany(run => Enumerable.Range(0, run.Count).Select(i => run.First + i)));
    }
}
