using System.IO.Pipelines;
using Granary.Amqp.Methods;
using Granary.Core;
using Granary.Core.Links;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.Publishing;
using Granary.Gateway.Links;
using Granary.Gateway.Sockets;
using Granary.Gateway.Tests.Fakes;
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
    public void Walk_AnyOrder_EveryTagIsConfirmedOnceAndOnlyWhenSettled()
    {
        var random = new Random(Seeds.First);
        var waiting = new List<PublishRun>();
        var outcome = new Dictionary<ulong, bool>();
        var open = new SortedSet<ulong>();
        var last = 0UL;
        for (var step = 0; step < 5000; step++)
        {
            switch (random.Next(5))
            {
                case < 2 when step < 4500:
                    var run = Track(random.Next(1, 5));
                    waiting.Add(run);
                    while (last < run.LastTag)
                    {
                        open.Add(++last);
                    }

                    break;
                case < 4 when waiting.Count > 0:
                    var settled = waiting[random.Next(2) == 0 ? 0 : random.Next(waiting.Count)];
                    waiting.Remove(settled);
                    if (random.Next(6) == 0)
                    {
                        settled.Refuse([random.Next(settled.Batch.Count)]);
                    }

                    for (var i = 0; i < settled.Batch.Count; i++)
                    {
                        outcome[settled.FirstTag + (ulong)i] = !settled.IsRefused(i);
                    }

                    settled.Passed();
                    break;
                default:
                    Receive();
                    break;
            }
        }

        waiting.ForEach(run => run.Passed());
        waiting.ForEach(run => Enumerable.Range(0, run.Count).ToList().ForEach(i => outcome[run.FirstTag + (ulong)i] = true));
        Receive();
        Assert.Empty(open);

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
