using Granary.Core.Links;
using Granary.Silo.Queues.Messages;

namespace Granary.Storage.Tests;

// Runs that take the place of stored ones, in records of several sizes: batches of one piece up to very many.
public abstract partial class MessageStoreTests
{
    /// <summary>Stored are 30 messages in three runs; what is written again begins and ends anywhere in or around them.</summary>
    [Theory]
    [InlineData(10, 20)]
    [InlineData(0, 30)]
    [InlineData(10, 15)]
    [InlineData(15, 20)]
    [InlineData(12, 18)]
    [InlineData(5, 15)]
    [InlineData(5, 25)]
    [InlineData(0, 10, 10, 20, 20, 30)]
    [InlineData(1, 4, 8, 12, 18, 29)]
    [InlineData(2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 19, 20)]
    [InlineData(25, 40)]
    [InlineData(0, 60)]
    public async Task Run_OverlappingStoredOnes_TakesExactlyItsPlace(params int[] ends)
    {
        foreach (var (size, next) in ((int, int)[])[(300, 300), (1_045, 1_045), (2_100, 2_000), (20_000, 700), (64, 20_000)])
        {
            var queue = await Session.CreateAsync($"{size}/{next}");
            MessageRun[] old = [Messages.Run(0, 10, size, mark: "a"), Messages.Run(10, 10, size, mark: "b"), Messages.Run(20, 10, size, mark: "c")];
            foreach (var run in old)
            {
                await Session.WriteAsync(queue, run);
            }

            var rewritten = ends.Chunk(2).Select(range => Messages.Run(range[0], range[1] - range[0], next, mark: "new")).ToArray();
            await Session.WriteAsync(queue, rewritten);

            await ExpectAsync(queue, Replace(Messages.Of(old), rewritten));
        }
    }

    /// <summary>As a queue does that pages a sparse backlog out: only what is left is in the runs that take the place of the stored ones.</summary>
    [Theory]
    [InlineData(400)]
    [InlineData(1_045)]
    [InlineData(9_000)]
    [InlineData(20_000)]
    public async Task Runs_OfWhatIsLeftOfSparseOnes_TakeTheirPlace(int size)
    {
        var queue = await Session.CreateAsync();
        var old = Enumerable.Range(0, 8).Select(i => Messages.Run(i * 40, 40, size, mark: "old")).ToArray();
        foreach (var run in old)
        {
            await Session.WriteAsync(queue, run);
        }

        await Session.SettleAsync(queue, new OffsetRange(3, 50), new OffsetRange(100, 1), new OffsetRange(130, 40), new OffsetRange(300, 10));
        MessageRun[] rewritten = [Messages.Run(0, 3, size, mark: "new"), Messages.Run(53, 47, size, mark: "new"), Messages.Run(101, 20, size, mark: "new")];
        await Session.WriteAsync(queue, rewritten);
        var expected = Replace(Messages.Of(old), rewritten);
        expected.RemoveAll(message => message.Offset is (>= 3 and < 53) or 100 or (>= 130 and < 170) or (>= 300 and < 310));

        await ExpectAsync(queue, expected);
    }

    /// <summary>Messages that came a few at a time are written again in runs that begin and end elsewhere, over and over, while more come.</summary>
    [Fact]
    public async Task Runs_MergedWhileMoreCome_AreReadAsTheyWereWrittenLast()
    {
        var queue = await Session.CreateAsync();
        var expected = new List<Message>();
        const int Size = 1_045;
        for (var (next, merged) = (0, 0); next < 600; next += 23)
        {
            List<MessageRun> runs = [];
            for (; merged + 58 + (merged % 5) <= next; merged += runs[^1].Count)
            {
                runs.Add(Messages.Run(merged, 58 + (merged % 5), Size, mark: "merged"));
            }

            runs.AddRange([Messages.Run(next, 5, Size), Messages.Run(next + 5, 1, Size), Messages.Run(next + 6, 17, Size)]);
            await Session.WriteAsync(queue, [.. runs]);
            expected = Replace(expected, [.. runs]);
        }

        await ExpectAsync(queue, expected);
    }

    private async Task ExpectAsync(Granary.Silo.Storage.StoredQueue queue, List<Message> expected)
    {
        Assert.Equal(expected, await Session.ReadAsync(queue));
        Assert.Equal(expected, await Session.ReadAsync(queue, bytes: 1));
        foreach (var from in (long[])[1, 9, 10, 11, 15, 20, 29])
        {
            Assert.Equal(expected.Where(message => message.Offset >= from), await Session.ReadAsync(queue, from, bytes: 100_000));
        }

        queue = await Session.TakeOverAsync(queue);
        Assert.Equal(expected.Count, queue.Backlog.Count);
        Assert.Equal(expected, await Session.ReadAsync(queue, bytes: 30_000));
    }

    private static List<Message> Replace(List<Message> old, MessageRun[] runs)
    {
        var messages = new SortedDictionary<long, Message>(old.ToDictionary(message => message.Offset));
        foreach (var message in Messages.Of(runs))
        {
            messages[message.Offset] = message;
        }

        return [.. messages.Values];
    }
}
