using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;
using Granary.Silo.Queues;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Storage;
using Granary.Silo.Tests.Queues;

namespace Granary.Silo.Tests.Storage;

/// <summary>Batches that are sent again to a queue that refuses what is too much: nothing of them is taken twice, and nothing that was refused is confirmed.</summary>
public sealed class RefusedBatchTests : IAsyncLifetime
{
    private readonly FakeStores _stores = new();
    private readonly SessionId _session = SessionId.New();
    private TestGateway _gateway;

    public RefusedBatchTests() => _gateway = new TestGateway(_stores.Queues).Declare(
        durable: true, arguments: EncodedTable.From(FieldTable.Of(("x-max-length", 4), ("x-overflow", "reject-publish"))));

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _stores.DisposeAsync();

    /// <summary>Whether its publisher had the answer or not.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Batch_TakenWhole_IsConfirmedByTheNextActivationAndNotTakenAgain(bool wasTaken)
    {
        _gateway.Open(_session, Batch(1, 0, 2), Batch(2, 2, 1));
        await TakeOverAsync();

        var link = _gateway.Open(_session, 2, Again(1, 0, 2, wasTaken), Again(2, 2, 1, wasTaken), Batch(3, 3, 2));
        Assert.Equal(["", "", "1"], Refused(link));
        Assert.Equal(4, _gateway.Queue.ReadyCount);
        Assert.Equal(_gateway.Queue.NextOffset, link.Watermark);
    }

    [Fact]
    public async Task Batch_RefusedInPart_WhoseAnswerWasLost_IsRefusedByTheNextActivation()
    {
        var before = _gateway.Open(_session, Batch(1, 0, 2), Batch(2, 2, 3));

        // This one is refused altogether, so that the store has nothing to be told of it.
        before.Send(Batch(3, 5, 1));
        await TakeOverAsync();

        var link = _gateway.Open(_session, 2, Again(2, 2, 3), Again(3, 5, 1));
        Assert.Equal(["0,1,2", "0"], Refused(link));
        Assert.Equal(4, _gateway.Queue.ReadyCount);
    }

    /// <summary>Of a batch that was answered what comes again is what was taken of it.</summary>
    [Fact]
    public async Task Batch_RefusedInPart_WhoseAnswerCame_IsConfirmedAsFarAsItWasTaken()
    {
        _gateway.Open(_session, Batch(1, 0, 2), Batch(2, 2, 3));
        await TakeOverAsync();

        var link = _gateway.Open(_session, 2, Again(1, 0, 2, wasTaken: true), Again(2, 2, 2, wasTaken: true));
        Assert.Equal(["", ""], Refused(link));
        Assert.Equal(4, _gateway.Queue.ReadyCount);
    }

    /// <summary>An activation between may have refused what the one before it had taken.</summary>
    [Fact]
    public async Task Batch_InAPacketThatIsRepeated_IsNotWhatTheActivationBeforeHasAnswered()
    {
        _gateway.Open(_session, Batch(1, 0, 3), Batch(2, 3, 2));
        await TakeOverAsync();
        _gateway.IsRepeated = true;

        Assert.Equal(["0,1"], Refused(_gateway.Open(_session, 2, Again(2, 3, 2, wasTaken: true))));
    }

    [Fact]
    public async Task Batch_BehindOneThatWasRefused_IsConfirmed_AlsoByTheActivationAfterTheNext()
    {
        var link = _gateway.Open(_session, Batch(1, 0, 3), Batch(2, 3, 2));
        link.Attach(1, noAck: true);
        link.Send(Batch(3, 5, 1));
        Assert.Equal([0, 1, 2, 3, 5], link.GivenIds(1));
        link.Send(new DetachItem(1));
        link.Send(Batch(4, 6, 1));
        await TakeOverAsync();
        await TakeOverAsync();

        Assert.Equal(["0,1", "", ""], Refused(_gateway.Open(_session, 3, Again(2, 3, 2), Again(3, 5, 1), Again(4, 6, 1))));
        Assert.Equal(1, _gateway.Queue.ReadyCount);
    }

    [Fact]
    public void Batch_SentAgainOverAnotherLink_IsAnsweredAsItWas()
    {
        _gateway.Open(_session, Batch(1, 0, 3), Batch(2, 3, 2), Batch(3, 5, 1));
        var link = _gateway.Open(_session, 2, Again(1, 0, 3, wasTaken: true), Again(2, 3, 1, wasTaken: true), Again(3, 5, 1));
        Assert.Equal(["", "", "0"], Refused(link));
        Assert.Equal(4, _gateway.Queue.ReadyCount);
    }

    /// <summary>The queue moves: of what is not persistent the next activation knows it, too.</summary>
    [Fact]
    public async Task TransientBatch_OfAQueueThatIsHandedOver_IsNotTakenAgain()
    {
        _gateway.Open(_session, Batch(1, 0, 3, isPersistent: false), Batch(2, 3, 2, isPersistent: false));
        Assert.Equal((4L, 0L), _gateway.Queue.HandOver(borrowed: null));
        _gateway.Queue.CloseStorage();
        await TakeOverAsync();

        var link = _gateway.Open(_session, 2, Again(1, 0, 3, wasTaken: true, isPersistent: false), Again(2, 3, 2, isPersistent: false));
        Assert.Equal(["", "0,1"], Refused(link));
        Assert.Equal(4, _gateway.Queue.ReadyCount);
    }

    [Fact]
    public async Task Session_ThatIsOver_LeavesNothingInTheStore()
    {
        _gateway.Open(_session, Batch(1, 0, 3), Batch(2, 3, 2));
        var storage = await TakeOverAsync();
        Assert.Equal([new PublishProgress(_session, 2), PublishProgress.Refused(_session, 2)], storage.Backlog.Sessions.OrderBy(progress => progress.IsOfRefused(out _)));
        var link = _gateway.Open(_session, 2);
        link.Send(new CloseItem());
        link.SendLast();
        Assert.Empty((await TakeOverAsync()).Backlog.Sessions);
    }

    [Fact]
    public void Refused_OfASession_StandsUnderAnIdOfItsOwnAndNamesTheSession()
    {
        var progress = PublishProgress.Refused(_session, 7);
        Assert.NotEqual(_session, progress.Session);
        Assert.True(progress.IsOfRefused(out var session));
        Assert.Equal((_session, 7), (session, progress.Number));
        Assert.False(new PublishProgress(_session, 7).IsOfRefused(out _));
        Assert.False(progress.IsLasting);
    }

    private static PublishItem Batch(long number, long first, int count, bool isPersistent = true) => new(Batches.Of(first, count, persistent: isPersistent), Resent: false) { Number = number };

    private static PublishItem Again(long number, long first, int count, bool wasTaken = false, bool isPersistent = true) =>
        Batch(number, first, count, isPersistent) with { Resent = true, WasTaken = wasTaken };

    private static string[] Refused(TestLink link) => [.. link.Items.OfType<PublishedItem>().Select(static item => string.Join(',', item.Refused ?? []))];

    /// <summary>As after a crash.</summary>
    private async Task<QueueStorage> TakeOverAsync()
    {
        var queue = _gateway.Queue;
        var identity = queue.Storage!.Journal.Queue.Identity;
        await queue.Storage.Journal.FlushAsync();
        var storage = await _stores.Queues.TakeOverAsync(identity, TestGateway.Epoch, default);
        _gateway = new TestGateway(_stores.Queues);
        _gateway.Slot.Restore(QueueDefinition.Stored("/", "q", queue.Definition.ToDeclaration()), identity.Incarnation, [], storage, _gateway.Now, [], _gateway.Now);
        _gateway.Pump();
        return storage!;
    }
}
