using System.CommandLine;
using Granary.Crash;
using Granary.Crash.Brokers;
using Granary.Crash.Features;
using Granary.Crash.Restarts;
using Granary.Crash.TakeOvers;
using Granary.Crash.Transfers;

// The crash test as a program, for crash.sh; "dotnet test" runs a short one of it.
var seed = Number("--seed", 1, "What all random choices follow from.");
var kills = Number("--kills", 50, "How often to kill.");
var queues = Number("--queues", 20, "How many queues to use, 6 at least.");
var damages = Number("--damages", 0, "Then damage so many copies of a folder that a kill left, and start on each (files only).");
var takeOvers = Number("--takeovers", 0, "Then stop a node so often and have another on the same PostgreSQL take a queue from it.");
var restarts = Number("--restarts", 0, "Then kill a node so often and start it on the same ports, under twenty clients that come back at once.");
var transfers = Number("--transfers", 0, "Then kill a node so often under transactions that move tokens between its queues.");
var features = Number("--features", 0, "Then kill a node so often, or its database, while queues of every kind are used.");
var store = new Option<StoreKind>("--store") { Description = "Where the node keeps its messages: files or postgres." };
var victim = new Option<Victim>("--victim") { Description = "What is killed: broker or postgres." };
var between = new Option<double>("--seconds-between") { Description = "Seconds between two kills, on average.", DefaultValueFactory = _ => 3 };

var command = new RootCommand("Kills the broker, or its database, again and again under load, and checks that nothing confirmed is lost.")
{
    seed, kills, queues, damages, takeOvers, restarts, transfers, features, store, victim, between,
};
command.SetAction(async result =>
{
    var options = new CrashOptions(
        result.GetValue(seed), result.GetValue(kills), result.GetValue(queues), result.GetValue(store), result.GetValue(victim), result.GetValue(between));
    if (options.Queues < 6 || options.Kills < 0 || (options.Victim == Victim.Postgres && options.Store != StoreKind.Postgres))
    {
        Console.Error.WriteLine("crash: --queues must be 6 or more, --kills 0 or more, and --victim postgres needs --store postgres.");
        return 2;
    }

    var faults = 0;
    var (times, starts, moves, everything) = (result.GetValue(takeOvers), result.GetValue(restarts), result.GetValue(transfers), result.GetValue(features));
    if (options.Kills > 0 || times + starts + moves + everything == 0)
    {
        var report = await new CrashRun(options, Console.Error.WriteLine).RunAsync();
        Console.WriteLine(report);
        faults += report.Faults;
    }

    if (result.GetValue(damages) is > 0 and var count)
    {
        var damage = await new DamageRun(options.Seed, count, Console.Error.WriteLine).RunAsync();
        Console.WriteLine(damage);
        faults += damage.Faults;
    }

    if (times > 0)
    {
        var taken = await new TakeOverRun(options.Seed, times, Console.Error.WriteLine).RunAsync();
        Console.WriteLine(taken);
        faults += taken.Faults;
    }

    if (starts > 0)
    {
        var started = await new RestartRun(starts, Console.Error.WriteLine).RunAsync();
        Console.WriteLine(started);
        faults += started.Faults;
    }

    if (moves > 0)
    {
        var moved = await new TransferRun(options.Seed, moves, options.Store, options.Between, Console.Error.WriteLine).RunAsync();
        Console.WriteLine(moved);
        faults += moved.Faults;
    }

    if (everything > 0)
    {
        var used = await new FeatureRun(options with { Kills = everything }, Console.Error.WriteLine).RunAsync();
        Console.WriteLine(used);
        faults += used.Faults;
    }

    return faults == 0 ? 0 : 1;
});
return await command.Parse(args).InvokeAsync();

static Option<int> Number(string name, int standard, string what) => new(name) { Description = what, DefaultValueFactory = _ => standard };
