using Granary.Core.Figures;

namespace Granary.Core.Tests.Figures;

public sealed class NodeHistoryTests
{
    private readonly SampleTimes _times = new(Sampler.Samples);

    [Fact]
    public void Tell_OfADay_HasAPointForEachMinute()
    {
        var history = new NodeHistory(_times, TimeProvider.System);
        for (var look = 1; look <= 24 * 60 * 12; look++)
        {
            _times.Advance(look * 5_000, TimeSpan.FromSeconds(5));
            history.Look(new NodeFigure("host") { Address = "here", Ready = look, MemoryUsed = 1_000_000_000 + look });
        }

        var (hours, minutes) = (Tell(history, 86_400, 3_600), Tell(history, 600, 5));
        Assert.Equal((1, 0), (hours.Missing, minutes.Missing));
        Assert.Equal(720, hours.ValueOf((int)NodeNumber.Ready, 1));
        Assert.Equal(1_000_008_640, hours.ValueOf((int)NodeNumber.MemoryUsed, 12));
        Assert.Equal(17_160, minutes.ValueOf((int)NodeNumber.Ready, 0));
        Assert.Equal(17_280, minutes.ValueOf((int)NodeNumber.Ready, 120));
        Assert.Equal(0.2, history.AddTo(new NodeFigure("host")).RateOf(NodeNumber.Ready));
    }

    private HistoryFigure Tell(NodeHistory history, long age, long increment)
    {
        List<HistoryFigure> told = [];
        var range = new HistoryRange(_times.Now - (age * 1_000), increment * 1_000, (int)(age / increment) + 1);
        history.Tell(new HistoryQuery(HistorySubject.Node, range, null), _times.Now, told);
        return Assert.Single(told);
    }
}
