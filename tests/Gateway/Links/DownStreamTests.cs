using Granary.Core.Links;
using Granary.Gateway.Links;

namespace Granary.Gateway.Tests.Links;

public sealed class DownStreamTests
{
    [Fact]
    public void Accept_ShuffledAndRepeated_GivesEachNumberOnceInOrder()
    {
        var random = new Random(5);
        for (var round = 0; round < 200; round++)
        {
            var stream = new DownStream();
            var sent = Enumerable.Range(1, 20).SelectMany(number => Enumerable.Repeat((long)number, random.Next(1, 4))).ToArray();
            random.Shuffle(sent);
            var given = new List<long>();
            foreach (var number in sent)
            {
                for (var down = stream.Accept(new LinkDown { Link = default, Epoch = 1, Number = number }); down is not null; down = stream.Next())
                {
                    given.Add(down.Number);
                }

                Assert.Equal(given.Count, stream.ReceivedThrough);
            }

            Assert.Equal(Enumerable.Range(1, 20).Select(number => (long)number), given);
        }
    }

    [Fact]
    public void Accept_Gap_GivesNothingUntilItIsFilled()
    {
        var stream = new DownStream();
        Assert.Null(stream.Accept(new LinkDown { Link = default, Epoch = 1, Number = 2 }));
        Assert.Null(stream.Next());
        Assert.Equal(0, stream.ReceivedThrough);
    }
}
