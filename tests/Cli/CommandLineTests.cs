using Granary.Cli.Invocation;

namespace Granary.Cli.Tests;

public class CommandLineTests
{
    [Theory]
    [InlineData("-p", "sales")]
    [InlineData("--vhost", "sales")]
    [InlineData("--vhost=sales")]
    public void Parse_OptionWithAValue_IsTakenInEachForm(params string[] option)
    {
        var line = CommandLine.Parse(["list_queues", .. option, "name"], [CommandOption.Vhost]);

        Assert.Equal("list_queues", line.Name);
        Assert.Equal(["name"], line.Words);
        Assert.Equal("sales", line["vhost"]);
        Assert.Empty(line.Unknown);
    }

    [Fact]
    public void Parse_OptionsBeforeTheName_AreItsOwn()
    {
        var line = CommandLine.Parse(["-n", "rabbit@here", "-q", "list_queues"], []);

        Assert.Equal("list_queues", line.Name);
        Assert.Equal("rabbit@here", line["node"]);
        Assert.True(line.Has("quiet"));
    }

    [Theory]
    [InlineData("--quiet", true)]
    [InlineData("--quiet=true", true)]
    [InlineData("--quiet=false", false)]
    [InlineData("--no-quiet", false)]
    public void Parse_Switch_IsTurnedOnAndOff(string word, bool isOn)
    {
        var line = CommandLine.Parse(["list_queues", word], []);

        Assert.Equal((isOn, isOn ? "true" : "false", 0), (line.Has("quiet"), line["quiet"], line.Unknown.Count));
    }

    [Theory]
    [InlineData("--quiet=maybe")]
    [InlineData("--no-vhost")]
    [InlineData("--no-bogus")]
    public void Parse_WhatIsNoSwitch_IsNotTurnedOff(string word) => Assert.Equal([word.Split('=')[0]], CommandLine.Parse(["list_queues", word], []).Unknown);

    /// <summary>RabbitMQ's tools take these with every command.</summary>
    [Fact]
    public void Parse_OptionsOfEveryCommand_AreTakenByThoseThatDoNotNeedThem() => Assert.Empty(CommandLine.Parse(
        ["list_users", "-p", "/", "--printer", "stdio", "--data-dir=/tmp", "--enabled-plugins-file", "file", "--table-headers", "--script-name", "rabbitmqctl"], []).Unknown);

    [Fact]
    public void FindName_VhostBeforeTheName_IsNotTakenForIt() => Assert.Equal("list_queues", CommandLine.FindName(["-p", "sales", "list_queues"]));

    [Fact]
    public void Parse_OptionThatNobodyKnows_IsToldOfAsItWasTyped()
    {
        var line = CommandLine.Parse(["list_queues", "--bogus", "-z", "--vhost"], [CommandOption.Vhost]);

        Assert.Equal(["--bogus", "-z", "--vhost"], line.Unknown);
    }

    /// <summary>list_user_limits asks for the limits of a user; whom the broker is asked as is another matter.</summary>
    [Fact]
    public void General_OptionThatTheCommandHasItself_IsTheCommands()
    {
        string[] given = ["list_user_limits", "--user", "ann"];

        var (own, general) = (CommandLine.Parse(given, [new CommandOption("user", HasValue: true)]), CommandLine.Parse(given, []));

        Assert.Equal(("ann", (string?)null, "ann", "ann"), (own["user"], own.General("user"), general["user"], general.General("user")));
    }

    [Fact]
    public void Parse_NumberBelowZeroAndDash_AreWords() => Assert.Equal(["-1", "-"], CommandLine.Parse(["set", "-1", "-"], []).Words);

    [Fact]
    public void Parse_BehindTwoDashes_AllIsWords() => Assert.Equal(["-p", "--vhost"], CommandLine.Parse(["set", "--", "-p", "--vhost"], []).Words);
}
