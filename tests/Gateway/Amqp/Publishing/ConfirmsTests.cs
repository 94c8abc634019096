using System.IO.Pipelines;
using CsCheck;
using Granary.Amqp.Methods;
using Granary.Core;
using Granary.Core.Links;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.Publishing;
using Granary.Gateway.Links;
using Granary.Gateway.Sockets;
using Granary.Gateway.Tests.Fakes;
using Granary.Testing.Walks;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Gateway.Tests.Amqp.Publishing;

/// <summary>What a channel in confirm mode says about published messages, and in how few frames.</summary>
public sealed class ConfirmsTests : IPublishOwner
{
    private readonly Pipe _pipe = new();
    private readonly AmqpOutput _output;
    private readonly Confirms _confirms = new();

    public ConfirmsTests()
    {
        var links = new LinkSet(new FakeGrains(_ => new ScriptedQueue()).Factory, local: null, ConnectionId.New(), "/", new FakeClock(), NullLogger.Instance);
        _output = new AmqpOutput(_pipe.Writer, 4096, new SendWatch(TimeSpan.Zero, new FakeClock()), links, () => { });
    }

    [Fact]
    public void Write_RunOfOne_IsOneAckWithoutMultiple()
    {
        Track(1).Passed();

        Assert.Equal([new BasicAck(1, Multiple: false)], Written());
    }

    [Fact]
    public void Write_RunsInOrder_IsOneAckForAll()
    {
        PublishRun[] runs = [Track(3), Track(1), Track(5)];
        foreach (var run in runs)
        {
            run.Passed();
        }

        Assert.Equal([new BasicAck(9, Multiple: true)], Written());
    }

    [Fact]
    public void Write_LaterRunFirst_NamesEachMessageAndNoneTwice()
    {
        var (first, second) = (Track(2), Track(2));
        second.Passed();
        Assert.Equal([new BasicAck(3, Multiple: false), new BasicAck(4, Multiple: false)], Written());

        first.Passed();
        Assert.Equal([new BasicAck(2, Multiple: true)], Written());
        Assert.Equal([], Written());
    }

    [Fact]
    public void Write_RefusedMessage_IsANackBetweenAcks()
    {
        var (before, run, after) = (Track(2), Track(3), Track(1));
        before.Passed();
        run.Refuse([1]);
        run.Passed();
        after.Passed();

        Assert.Equal(
            [
                new BasicAck(2, Multiple: true),
                new BasicAck(3, Multiple: false),
                new BasicNack(4, Multiple: false, Requeue: false),
                new BasicAck(5, Multiple: false),
                new BasicAck(6, Multiple: false),
            ],
            Written());
    }

    [Fact]
    public void Write_TwoQueues_WaitsForBoth()
    {
        var run = _confirms.Track(this, Messages.Batch("a"), mandatory: false, targets: 2);
        run.Passed();
        Assert.Equal([], Written());

        run.Unrouted();
        Assert.Equal([new BasicAck(1, Multiple: false)], Written());
    }

    [Fact]
    public void Write_OneQueueNeverAnswers_KeepsNothingOfWhatWentToOthers()
    {
        var stuck = Track(1);
        for (var i = 0; i < 10_000; i++)
        {
            Track(1).Passed();
            Assert.Single(Written());
        }

        Assert.InRange(_confirms.Open, 1, 3);
        stuck.Passed();
        Assert.Equal([new BasicAck(1, Multiple: false)], Written());
    }

    [Fact]
    public void PublishRun_OutcomeKnownAndNotWritten_DoesNotKeepTheMessages()
    {
        var run = Track(5);

        run.Passed();

        Assert.Equal(0, run.Batch.Records.Length);
        Assert.Equal([new BasicAck(5, Multiple: true)], Written());
    }

    [Fact]
    public void Walk_AnyOrder_EveryTagIsConfirmedOnceAndOnlyWhenSettled() =>
        ConfirmsStep.Any.Array[1, 2_000].Walk(steps => new ConfirmsTests().Check(steps), count: 5, print: steps => string.Join('\n', steps.AsEnumerable()));

    private void Check(ConfirmsStep[] steps)
    {
        var waiting = new List<PublishRun>();
        var outcome = new Dictionary<ulong, bool>();
        var open = new SortedSet<ulong>();
        foreach (var step in steps)
        {
            if (step.Publishes > 0)
            {
                var run = Track(step.Publishes);
                waiting.Add(run);
                open.UnionWith(TagsOf(run));
            }
            else if (step.Settles is { } which && waiting.Count > 0)
            {
                Settle(waiting[which % waiting.Count], step.Refuses);
            }
            else
            {
                Receive();
            }
        }

        while (waiting.Count > 0)
        {
            Settle(waiting[0], refused: null);
        }

        Receive();
        Assert.Empty(open);

        void Settle(PublishRun run, int? refused)
        {
            waiting.Remove(run);
            if (refused is { } message)
            {
                run.Refuse([message % run.Count]);
            }

            foreach (var tag in TagsOf(run))
            {
                outcome[tag] = !run.IsRefused((int)(tag - run.FirstTag));
            }

            run.Passed();
        }

        void Receive()
        {
            foreach (var method in Written())
            {
                var (tag, multiple, ack) = method switch
                {
                    BasicAck { DeliveryTag: var number, Multiple: var many } => (number, many, true),
                    BasicNack nack => (nack.DeliveryTag, nack.Multiple, false),
                    _ => throw new InvalidOperationException($"{method}"),
                };
                Assert.Contains(tag, open);
                foreach (var confirmed in multiple ? open.TakeWhile(number => number <= tag).ToArray() : [tag])
                {
                    Assert.Equal(ack, Assert.Contains(confirmed, outcome));
                    open.Remove(confirmed);
                }
            }

            Assert.DoesNotContain(open, outcome.ContainsKey);
        }
    }

    private static IEnumerable<ulong> TagsOf(PublishRun run) => Enumerable.Range(0, run.Count).Select(i => run.FirstTag + (ulong)i);

    void IPublishOwner.OnPublished(PublishRun run) => _confirms.Settled(run);

    void IPublishOwner.OnUnroutable(PublishRun run) => throw new NotSupportedException();

    void IPublishOwner.OnLost(PublishRun run) => throw new NotSupportedException();

    private PublishRun Track(int count) =>
        _confirms.Track(this, Messages.Batch([.. Enumerable.Range(0, count).Select(i => $"{i}")]), mandatory: false, targets: 1);

    private List<object> Written()
    {
        _confirms.Write(_output, 1);
        return Frames.Drain(_pipe);
    }
}
