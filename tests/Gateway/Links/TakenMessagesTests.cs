using Granary.Core.Links;
using Granary.Gateway.Tests.Fakes;
using Granary.Gateway.Topology;

namespace Granary.Gateway.Tests.Links;

public sealed class TakenMessagesTests : LinkTests
{
    [Fact]
    public async Task Fitting_IsByTheLargestThatHasCome()
    {
        var link = Opened("q");
        var taken = new TakenMessages(Set, "q", static _ => { });
        Assert.Equal(1, taken.Fitting(1_000_000));

        var number = 2L;
        foreach (var length in new[] { 1000, 10, 5000 })
        {
            var asked = taken.TakeAsync(1, TimeSpan.FromSeconds(20), default);
            var get = Assert.IsType<GetItem>(Assert.Single(Queue.Last.Up.Items));
            Queue.Last.Answer(number, Queue.Last.Down(number, number, 0, new GotItem(get.Request, Messages.Slice(number, new string('x', length)), 0, null)));
            Assert.Equal((null, true), await asked);
            number++;
        }

        Assert.Equal([64, 19, 1, 1], new[] { 1_000_000, 100_000, 5000, 0 }.Select(octets => taken.Fitting(octets)));
        Assert.Equal(3, link.Unsettled);
    }
}
