using System.Runtime.CompilerServices;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;
using Granary.Silo.Queues;
using Granary.Silo.Storage;
using Granary.Silo.Tests.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Silo.Tests.Queues;

/// <summary>More is published, and not consumed, than can be paged out in time: publishers are answered when there is room again, so that there is always enough memory.</summary>
public sealed class FullMemoryTests : IAsyncLifetime
{
    private const int Full = 1024 * 1024;
    private const int BatchBytes = 100 * 1024;
    private const int Enough = 12;

    private readonly FakeStore _store = new();
    private readonly GroupCommit _commit;
    private readonly TestGateway _gateway;

    public FullMemoryTests()
    {
        _commit = new GroupCommit(_store, NullLogger<GroupCommit>.Instance, _ => { });
        _gateway = new TestGateway(new QueueStores(_commit, _commit, new MemoryBudget(Full / 4, Full / 2, Full)));
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        _store.Release();
        await _commit.DisposeAsync();
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, false)]
    public void Publisher_WhileMemoryIsFull_IsAnsweredInOrderWhenEnoughIsPagedOut(bool durable, bool persistent)
    {
        _gateway.Declare(durable: durable);
        _gateway.IsImpatient = true;
        _store.Hold();
        var publisher = _gateway.Open();
        for (var batch = 0; batch < Enough; batch++)
        {
            Publish(publisher, batch, persistent);
        }

        var answered = Answers(publisher).Length;
        Assert.InRange(answered, Full / BatchBytes, Enough - 1);
        Assert.Equal(Enough, _gateway.Queue.ReadyCount);

        _store.Release();
        _gateway.IsImpatient = false;
        _gateway.Pump();
        Assert.Equal(Enumerable.Range(0, Enough).Select(offset => (long)offset), Answers(publisher));
        Assert.Equal(Enough, publisher.Watermark);
        Assert.InRange(_gateway.Queue.ReadyBytes - _gateway.Queue.PagedCount * BatchBytes, 0, Full / 2);
    }

    [Fact]
    public void PublisherToAStream_WhileMemoryIsFull_IsAnsweredInOrderWhenEnoughIsStored()
    {
        _gateway.Declare(durable: true, arguments: EncodedTable.From(FieldTable.Of(("x-queue-type", "stream"))));
        _gateway.IsImpatient = true;
        _store.Hold();
        var publisher = _gateway.Open();
        for (var batch = 0; batch < Enough; batch++)
        {
            Publish(publisher, batch, persistent: false);
        }

        Assert.InRange(Answers(publisher).Length, Full / BatchBytes, Enough - 1);

        _store.Release();
        _gateway.IsImpatient = false;
        _gateway.Pump();
        Assert.Equal(Enumerable.Range(0, Enough).Select(offset => (long)offset), Answers(publisher));
        Assert.Equal(Enough, publisher.Watermark);
        Assert.InRange(_gateway.Slot.Stream!.Figures.ReadyBytes.InMemory, 0, Full / 2);
    }

    [Fact]
    public void Publisher_WhileNothingCanBePagedOut_IsAnswered()
    {
        // All of it is in the one run that may still grow.
        _gateway.Declare();
        var publisher = _gateway.Open();
        publisher.Send(new PublishItem(Batches.Of(0, 1, _ => 2 * Full), Resent: false));
        Publish(publisher, 1, persistent: false);
        Publish(publisher, 2, persistent: false);

        Assert.Equal([0, 1, 2], Answers(publisher));
    }

    [Fact]
    public void Publisher_ThatLeavesMeanwhile_IsForgotten()
    {
        _gateway.Declare();
        _gateway.IsImpatient = true;
        _store.Hold();
        var (leaving, staying) = (_gateway.Open(), _gateway.Open());
        for (var batch = 0; batch < Enough; batch++)
        {
            Publish(leaving, batch, persistent: false);
        }

        Publish(staying, Enough, persistent: false);
        Assert.IsType<ClosedItem>(leaving.Send(new CloseItem())[^1]);
        Assert.Empty(Answers(staying));

        _store.Release();
        _gateway.IsImpatient = false;
        _gateway.Pump();
        Assert.Equal([Enough], Answers(staying));
        Assert.IsType<ClosedItem>(leaving.Items[^1]);
    }

    [Fact]
    public void Store_WithNothingMoreToWrite_KeepsNothingOfWhatItWrote()
    {
        _gateway.Declare();
        var batches = PublishAndForget();

        // What the store's thread took last is gone, too, when it has nothing to do.
        var inMemory = Enough - _gateway.Queue.PagedCount;
        Assert.InRange(inMemory, 1, Enough / 2);
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                GC.Collect();
                return batches.Count(static batch => batch.IsAlive) <= inMemory;
            },
            TimeSpan.FromSeconds(20)));
    }

    private static void Publish(TestLink link, int id, bool persistent) =>
        link.Send(new PublishItem(Batches.Of(id, 1, _ => BatchBytes, persistent: persistent), Resent: false));

    private static long[] Answers(TestLink link) => [.. link.Items.OfType<PublishedItem>().Select(item => item.FirstOffset)];

    // Of its own, so that no variable keeps anything.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private List<WeakReference> PublishAndForget()
    {
        var publisher = _gateway.Open();
        var all = new List<WeakReference>();
        for (var id = 0; id < Enough; id++)
        {
            var batch = Batches.Of(id, 1, _ => BatchBytes);
            Assert.True(System.Runtime.InteropServices.MemoryMarshal.TryGetArray(batch.Records, out var array));
            all.Add(new WeakReference(array.Array));
            publisher.Send(new PublishItem(batch, Resent: false));
        }

        return all;
    }
}
