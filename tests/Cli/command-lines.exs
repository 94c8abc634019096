# Runs many command lines in one process of rabbitmqctl (its command exec), for its start takes longer than most of them. LINES has them, with the
# separator of records between two lines and the separator of units between two words. What each has written is followed by a separator of records, and on
# standard output by its exit code and another one.

# exec evaluates a snippet twice: once to see whether it can be.
unless :persistent_term.get(:has_run, false) do
  :persistent_term.put(:has_run, true)

  # What the server logs of a call goes to the process that has made it, which writes it wherever it is then.
  :logger.set_primary_config(:level, :none)

  print = fn output, command, options ->
    formatter = RabbitMQ.CLI.Core.Config.get_formatter(command, options)
    printer = RabbitMQ.CLI.Core.Config.get_printer(command, options)

    case output |> RabbitMQ.CLI.Core.Output.format_output(formatter, options) |> RabbitMQ.CLI.Core.Output.print_output(printer, options) do
      {:error, _} = error -> RabbitMQCtl.handle_command_output(error, command, options, nil)
      done -> done
    end
  end

  System.fetch_env!("LINES")
  |> String.split("\x1e")
  |> Enum.each(fn line ->
    code =
      case RabbitMQCtl.exec_command(String.split(line, "\x1f"), print) do
        {:error, code, nil} ->
          code

        {_, code, output} ->
          device = if code == 0, do: :stdio, else: :stderr
          Enum.each(List.flatten([output]), fn text -> IO.puts(device, RabbitMQ.CLI.Core.Helpers.string_or_inspect(text)) end)
          code

        _ ->
          0
      end

    IO.write(:stdio, "\x1e#{code}\x1e")
    IO.write(:stderr, "\x1e")
  end)
end
