using CsCheck;
using Granary.Amqp;
using Granary.Core.Links;
using Granary.Silo.Streams;
using Granary.Silo.Tests.Queues;
using Granary.Testing.Unkind;
using Granary.Testing.Walks;
using static Granary.Silo.Tests.Streams.TestStream;

namespace Granary.Silo.Tests.Streams;

/// <summary>Random operations on a stream of which little is in memory, each checked against the plainest model: a number, and where each consumer is.</summary>
[Trait(TestSeed.Trait, TestSeed.NotConcerned)]
public sealed class StreamWalkTests
{
    [Fact]
    public void RandomOperations_LeaveTheStreamAsTheModelSays() => Step.Any.Array[1, 300].Walk(
        steps => RunAsync(steps).GetAwaiter().GetResult(), count: 12, print: Print);

    [Fact]
    public void RandomOperations_WithRetention_LeaveTheStreamAsTheModelSays() => Step.Any.Array[1, 300].Walk(
        steps => RunAsync(steps, ("x-max-length-bytes", 20_000), ("x-stream-max-segment-size-bytes", 6_000)).GetAwaiter().GetResult(), count: 12, print: Print);

    private static string Print(Step[] steps) => string.Join('\n', steps.AsEnumerable());

    private static async Task RunAsync(Step[] steps, params (string Name, FieldValue Value)[] arguments)
    {
        await using var stream = new TestStream(memory: 16 * 1024, arguments);
        var walk = new Walk(stream);
        foreach (var step in steps)
        {
            await walk.RunAsync(step);
        }
    }

    /// <param name="Number">Of what the operation is about, whatever there is at that time: taken modulo that.</param>
    private sealed record Step(string Operation, int Number, int Count)
    {
        public static Gen<Step> Any { get; } = Gen.Select(
            Gen.Frequency(
                (8, Gen.Const("publish")), (3, Gen.Const("publish one by one")), (3, Gen.Const("attach")), (1, Gen.Const("detach")), (8, Gen.Const("settle")), (2, Gen.Const("pass")),
                (1, Gen.Const("lose"))),
            Gen.Int[0, 1_000], Gen.Int[1, 60], (operation, number, count) => new Step(operation, number, count));
    }

    private sealed class Reader(int number, int prefetch, long position)
    {
        public int Number => number;

        public int Prefetch => prefetch;

        public long Position { get; set; } = position;

        public Queue<long> Unacked { get; } = [];

        public List<(long, long)> Given { get; } = [];
    }

    private sealed class Walk
    {
        private readonly TestStream _stream;
        private readonly SessionId _session = SessionId.New();
        private readonly List<Reader> _readers = [];
        private PublishItem? _last;
        private TestLink _link;
        private int _ordinal = 1;
        private int _consumers;
        private long _batches;
        private long _next;

        public Walk(TestStream stream) => (_stream, _link) = (stream, stream.Gateway.Open(_session));

        private long First => _next - _stream.Stream.ReadyCount;

        public async Task RunAsync(Step step)
        {
            switch (step.Operation)
            {
                case "publish":
                    Publish(step.Count);
                    break;
                case "publish one by one":
                    for (var i = 0; i < step.Count; i++)
                    {
                        Publish(1);
                    }

                    break;
                case "attach" when _readers.Count < 6:
                    Attach(step);
                    break;
                case "detach" when _readers.Count > 0:
                    var leaving = _readers[step.Number % _readers.Count];
                    _link.Send(new DetachItem(leaving.Number));
                    _readers.Remove(leaving);
                    break;
                case "settle" when _readers.Count > 0:
                    Settle(_readers[step.Number % _readers.Count], step);
                    break;
                case "pass":
                    _stream.Gateway.Now += step.Count * 100;
                    break;
                case "lose":
                    await LoseAsync();
                    break;
            }

            Check();
        }

        private void Publish(int count)
        {
            _last = new PublishItem(Batches.Of(_next, count, id => (int)(id % 7 == 0 ? 700 : 20)), Resent: false) { Number = ++_batches };
            _next += count;
            _link.Send(_last);
            Give();
        }

        private void Attach(Step step)
        {
            FieldValue? from = (step.Number % 5) switch
            {
                0 => "first",
                1 => "next",
                2 => (long)(step.Number * 7),
                3 => "1Y",
                _ => null,
            };
            var position = (step.Number % 5) switch
            {
                0 or 3 => First,
                2 => Math.Clamp(step.Number * 7, First, _next),
                _ => _next,
            };
            var reader = new Reader(++_consumers, step.Count * 2, position);
            _readers.Add(reader);
            _link.Send(Consumer(reader.Number, from, reader.Prefetch));
            Give();
            Assert.Equal(StreamOffsets.Tag(reader.Number, position), _link.Items.OfType<AttachedItem>().Single(item => item.Consumer == reader.Number).Position);
        }

        private void Settle(Reader reader, Step step)
        {
            List<OffsetRange> ranges = [];
            for (var i = 0; i < step.Count && reader.Unacked.TryDequeue(out var offset); i++)
            {
                ranges.Add(new OffsetRange(StreamOffsets.Tag(reader.Number, offset), 1));
            }

            _link.Send(new SettleItem((Settlement)(step.Number % 4), [.. ranges]));
            Give();
        }

        /// <summary>The session says to the next activation what it has, and sends its last batch again.</summary>
        private async Task LoseAsync()
        {
            await _stream.RestartAsync();
            LinkUpItem[] items =
            [
                .. _readers.Select(reader => Consumer(reader.Number, "first", reader.Prefetch, StreamOffsets.Tag(reader.Number, reader.Position))),
                .. _readers.Select(reader => new HoldItem(reader.Number, [.. reader.Unacked.Select(offset => new OffsetRange(StreamOffsets.Tag(reader.Number, offset), 1))])),
            ];
            _link = _stream.Gateway.Open(_session, ++_ordinal, _last is null ? items : [.. items, _last with { Resent = true }]);
            foreach (var reader in _readers)
            {
                reader.Given.Clear();
            }

            Give();
        }

        private void Give()
        {
            foreach (var reader in _readers)
            {
                reader.Position = Math.Max(reader.Position, reader.Unacked.Count < reader.Prefetch ? First : 0);
                for (; reader.Position < _next && reader.Unacked.Count < reader.Prefetch; reader.Position++)
                {
                    reader.Unacked.Enqueue(reader.Position);
                    reader.Given.Add((reader.Position, reader.Position));
                }
            }
        }

        private void Check()
        {
            Assert.Equal((_next, _readers.Count), (_stream.Stream.NextOffset, _stream.Stream.ConsumerCount));
            Assert.Equal(_batches == 0 ? 0 : _next, _link.Watermark);
            foreach (var reader in _readers)
            {
                Assert.Equal(reader.Given, Given(_link, reader.Number));
            }
        }
    }
}
