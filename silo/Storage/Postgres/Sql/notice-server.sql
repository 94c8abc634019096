-- Which of the servers that the database was on this one is, counted from 1, and whether nobody has noticed it before.
select generation, is_news from granary.notice_server();
