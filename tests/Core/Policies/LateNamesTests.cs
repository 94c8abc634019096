using Granary.Core.Policies;

namespace Granary.Core.Tests.Policies;

/// <summary>Names of which a policy's pattern could not be told in time whether it is found in them.</summary>
public sealed class LateNamesTests
{
    /// <summary>It looks ahead, so it is matched by going back, and for these names that never ends.</summary>
    private const string Slow = "^(?=(a+)+$)";

    private static readonly string Name = new string('a', 60) + "!";

    private readonly LateNames _names = new();

    [Fact]
    public void Names_AreAskedAboutOneAfterTheOther_UntilThatCanBeTold()
    {
        foreach (var name in (string[])["a", "b", "c", "a"])
        {
            _names.Note(name);
        }

        List<string> asked = [];
        for (var i = 0; i < 6; i++)
        {
            _names.AskAgain(name =>
            {
                asked.Add(name);
                return (name, asked.Count) switch { ("a", 1) => true, ("b", _) => false, ("c", 4) => true, _ => null };
            });
        }

        Assert.Equal(["a", "b", "c", "c"], asked);
        Assert.Equal(0, _names.Count);
        Assert.Equal([true, false, true], ((string[])["a", "b", "c"]).Select(_names.Has));
        Assert.Equal(["a", "c"], _names.TakeFound());
        Assert.Empty(_names.TakeFound());
    }

    /// <summary>What has been found stays so; of names that nobody may have any more there is no end.</summary>
    [Fact]
    public void Names_BeyondTenThousand_AreForgottenFromTheOldestOn()
    {
        for (var i = 0; i < 10_001; i++)
        {
            _names.Note($"q{i}");
        }

        Assert.Equal(10_000, _names.Count);
        _names.AskAgain(static name => name == "q1");
        Assert.Equal(["q1"], _names.TakeFound());
    }

    [Fact]
    public void Policy_FoundToMatchLater_IsFoundByThoseThatDidNotGoByIt()
    {
        var table = PolicyTable.Empty.With([new Policy("/", "slow", Slow, "all", 1, "{}", IsOperator: false), new Policy("/", "rest", "", "all", 0, "{}", IsOperator: false)]);
        var lookup = table.Find("/", PolicyTarget.Classic, Name, default);
        Assert.Equal("rest", lookup.Found!.User!.Name);
        var slow = table.All.Single(static policy => policy.Policy.Name == "slow");
        Assert.Equal(1, slow.Late.Count);

        var asked = 0L;
        Assert.Equal("rest", table.Find("/", PolicyTarget.Classic, Name, lookup, ref asked).Found!.User!.Name);
        Assert.Equal(0, asked);
        slow.Late.AskAgain(static name => name == Name);
        Assert.Equal("slow", table.Find("/", PolicyTarget.Classic, Name, lookup).Found!.User!.Name);
        Assert.Equal("slow", table.Find("/", PolicyTarget.Classic, Name, default).Found!.User!.Name);
    }
}
